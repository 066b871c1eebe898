<?php // Dies of an error, after it has said something to the log.
error_log("before it dies\nforged: line");
nobody_defined_this();
