//! Imports of real files, and of orders against what their first match says.

mod files;
mod firewalld;
mod order;
mod round;
