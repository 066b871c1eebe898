<?php // Counts visits.
session_start();
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
setcookie('second', 'a b');
echo $_SESSION['visits'];
