use crate::exit::plain;

/// Lines with the columns one under the other; no lines without rows.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heads.map(|head| head.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let heads = heads.map(str::to_owned);
    let lines = std::iter::once(&heads).chain(rows).map(|row| {
        let cells = row.iter().zip(widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    });
    lines.collect()
}

/// A text in a table: on one line, and not endless. What people named things must not move the cursor
/// of those who look at it.
pub(super) fn cell(text: &str) -> String {
    const LONGEST: usize = 40;
    let shown = plain(&text.replace('\n', "\u{fffd}"));
    if shown.chars().count() > LONGEST {
        let short: String = shown.chars().take(LONGEST - 1).collect();
        return format!("{short}\u{2026}");
    }
    if shown.is_empty() {
        "-".to_owned()
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            ["a".to_owned(), "1".to_owned()],
            ["längst".to_owned(), String::new()],
        ];
        let expected = "ID      COUNT\na       1\nlängst\n";
        assert_eq!(table(["ID", "COUNT"], &rows), expected);
    }

    #[test]
    fn a_cell_is_one_short_line() {
        assert_eq!(cell("a\n\u{1b}[2Jb"), "a\u{fffd}\u{fffd}[2Jb");
        assert_eq!(cell(&"x".repeat(41)).chars().count(), 40);
        assert_eq!(cell(""), "-");
    }
}
