<?php // The front controller: what it was told, as JSON.
header('Content-Type: application/json');
$told = array_filter($_SERVER, fn ($name) => $name !== 'argv' && $name !== 'argc', ARRAY_FILTER_USE_KEY);
ksort($told);
echo json_encode(['script' => basename(__FILE__), 'get' => $_GET, 'server' => $told]), "\n";
