<?php header('Location: /elsewhere');
