<?php // As many bytes as are asked for; with a length, where that is asked for too.
if (isset($_GET['length'])) {
    header("Content-Length: $_GET[bytes]");
}
$piece = str_repeat('0123456789abcdef', 4096);
for ($left = (int) $_GET['bytes']; $left > 0; $left -= strlen($piece)) {
    echo substr($piece, 0, $left);
}
