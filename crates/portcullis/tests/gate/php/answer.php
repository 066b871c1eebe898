<?php // Answers as the query says.
foreach ((array) ($_GET['header'] ?? []) as $header) {
    header($header, false);
}
http_response_code((int) ($_GET['status'] ?? 200));
echo $_GET['body'] ?? '';
