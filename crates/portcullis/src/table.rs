//! Plain tables: columns aligned by spaces, no lines, nothing at the ends of rows.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

/// A table with a header; a cell may have several lines. Ends with a line feed.
pub(crate) fn aligned<Row>(header: &[String], rows: impl IntoIterator<Item = Row>) -> String
where
    Row: IntoIterator<Item = String>,
{
    let mut table = Table::new();
    // Rows are never broken to fit a terminal: they are also read by grep and awk.
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_with_text() {
        let cells = |row: [&str; 2]| row.map(str::to_owned);
        let text = aligned(&cells(["name", "number"]), [cells(["a", "1"]), cells(["long\nname", "2"])]);
        assert_eq!(text, "name  number\na     1\nlong  2\nname\n");
    }
}
