<?php // What came as a body: fields, files, or bytes as they are.
header('Content-Type: application/json');
$raw = file_get_contents('php://input');
$files = array_map(fn ($file) => [$file['name'], $file['size'], md5_file($file['tmp_name'])], $_FILES);
echo json_encode([
    'post' => $_POST,
    'files' => $files,
    'length' => $_SERVER['CONTENT_LENGTH'] ?? null,
    'bytes' => strlen($raw),
    'md5' => md5($raw),
]), "\n";
