<?php // Says one piece, then as many more as are asked for, each when the file it waits for is there.
header('Content-Type: text/event-stream');
for ($piece = 1; $piece <= (int) $_GET['pieces']; $piece++) {
    echo "data: $piece\n\n";
    ob_get_level() && ob_flush();
    flush();
    while ($piece < (int) $_GET['pieces'] && !file_exists("$_GET[beside]/go-$piece")) {
        usleep(2000);
        clearstatcache();
    }
}
