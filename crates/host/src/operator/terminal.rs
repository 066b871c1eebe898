//! Which terminals are the machine's own: its screens and serial lines.

/// Numbers of character devices (`Documentation/admin-guide/devices.txt`): major, first and last minor.
const CONSOLES: [(u32, u32, u32); 6] = [
    (4, 1, 63),         // tty1 to tty63: screens
    (4, 64, 255),       // ttyS0 and on: serial lines
    (5, 1, 1),          // console
    (204, 0, 255),      // serial lines of other makes (ttyAMA0 and others)
    (229, 0, u32::MAX), // hvc0 and on: lines of hypervisors
    (227, 0, u32::MAX), // 3270 terminals
];

/// Whether the controlling terminal of `/proc/PID/stat`, field 7, is one of the machine's own. 0 is none.
pub(super) fn is_console(number: i32) -> bool {
    let number = number.cast_unsigned();
    let (major, minor) = ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00));
    CONSOLES.iter().any(|(wanted, first, last)| major == *wanted && (*first..=*last).contains(&minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screens_and_serial_lines_are_the_machines_own() {
        let cases = [
            (4, 1, true),    // tty1
            (4, 64, true),   // ttyS0
            (204, 64, true), // ttyAMA0
            (229, 0, true),  // hvc0
            (4, 0, false),   // tty0 is whichever screen is shown
            (5, 0, false),   // tty
            (136, 1, false), // pts/1
            (136, 300, false),
            (0, 0, false),
        ];
        for (major, minor, expected) in cases {
            let number = (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12);
            assert_eq!(is_console(number), expected, "{major}:{minor}");
        }
    }
}
