/* Tables of results can be sorted by any column and saved as CSV. Without JavaScript they stay plain tables. */
(() => {
  "use strict";

  const FEWEST_ROWS = 4; // below that there is nothing to sort
  const MISSING = new Set(["", "nan", "none", "<na>", "nat"]);
  const NEXT = { none: "ascending", ascending: "descending", descending: "none" };
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  const textOf = (cell) => cell.textContent.replace(/\s+/g, " ").trim();
  const isMissing = (text) => MISSING.has(text.toLowerCase());

  /* The number that a cell shows, or NaN: 1,234 and 12 % and < 0.001 and -0.5 with either kind of minus. */
  function numberIn(text) {
    const plain = text.replace(/\u2212/g, "-").replace(/^<\s?/, "").replace(/\s?%$/, "");
    if (/^[-+]?inf(inity)?$/i.test(plain)) return plain.startsWith("-") ? -Infinity : Infinity;
    const digits = /^[-+]?\d{1,3}(,\d{3})+(\.\d*)?$/.test(plain) ? plain.replace(/,/g, "") : plain;
    return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(digits) ? Number(digits) : NaN;
  }

  /* Rows of cells with one entry a column, however many columns or rows a cell spans. */
  function gridOf(rows) {
    const grid = [...rows].map(() => []);
    [...rows].forEach((row, y) => {
      let x = 0;
      for (const cell of row.cells) {
        while (grid[y][x]) x += 1;
        for (let down = 0; down < Math.min(cell.rowSpan || 1, grid.length - y); down += 1) {
          for (let right = 0; right < cell.colSpan; right += 1) grid[y + down][x + right] = cell;
        }
        x += cell.colSpan;
      }
    });
    return grid;
  }

  /* The cell that names a column: the lowest one with a text. pandas writes the index's name into a row of its own. */
  function headerOf(head, column) {
    const cells = head.map((row) => row[column]).filter((cell) => cell && cell.colSpan === 1);
    return cells.findLast((cell) => textOf(cell)) || cells.at(-1);
  }

  function sorted(rows, column, direction) {
    const texts = new Map(rows.map((row) => [row, textOf(row.cells[column])]));
    const known = rows.filter((row) => !isMissing(texts.get(row)));
    const missing = rows.filter((row) => isMissing(texts.get(row)));
    const numbers = new Map(known.map((row) => [row, numberIn(texts.get(row))]));
    const numeric = known.every((row) => !Number.isNaN(numbers.get(row)));
    const sign = direction === "ascending" ? 1 : -1;
    known.sort((a, b) => {
      if (!numeric) return sign * words.compare(texts.get(a), texts.get(b));
      const [left, right] = [numbers.get(a), numbers.get(b)];
      return left === right ? 0 : left < right ? -sign : sign;
    });
    return [...known, ...missing];
  }

  function makeSortable(table, head) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const headers = [];
    for (let column = 0; column < original[0].cells.length; column += 1) {
      const header = headerOf(head, column);
      if (header) headers.push(header), addButton(header, column);
    }

    function addButton(header, column) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort-column";
      if (!textOf(header)) button.setAttribute("aria-label", "row names");
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => {
        const direction = NEXT[header.getAttribute("aria-sort") || "none"];
        headers.forEach((other) => other.removeAttribute("aria-sort"));
        if (direction !== "none") header.setAttribute("aria-sort", direction);
        body.append(...(direction === "none" ? original : sorted(original, column, direction)));
      });
    }
  }

  function csvOf(head, rows) {
    const names = [...Array(rows[0].length).keys()].map((column) =>
      [...new Set(head.map((row) => (row[column] ? textOf(row[column]) : "")))].filter(Boolean).join(" "),
    );
    const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
    return [names, ...rows.map((row) => row.map(textOf))].map((row) => row.map(quoted).join(",") + "\r\n").join("");
  }

  function addDownload(table, csv, number) {
    const page = window.location.pathname.split("/").pop().replace(/\.html?$/, "") || "page";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv], { type: "text/csv;charset=utf-8" }));
    link.download = `${page}-table-${number}.csv`;
    link.textContent = "Download as CSV";
    link.setAttribute("aria-label", `Download as CSV: table ${number} of this page`);
    const line = document.createElement("p");
    line.className = "table-download";
    line.append(link);
    (table.closest(".text_html") || table).after(line);
  }

  function enhance(table, number) {
    const head = gridOf(table.tHead.rows);
    const body = gridOf(table.tBodies[0].rows);
    const cells = [...table.tBodies[0].querySelectorAll("th, td")];
    const csv = csvOf(head, body);
    if (cells.every((cell) => cell.rowSpan === 1 && cell.colSpan === 1)) makeSortable(table, head);
    addDownload(table, csv, number);
  }

  /* Tables that pandas wrote, as they are or styled, and long enough. */
  function resultTables() {
    const found = document.querySelectorAll('.cell_output table.dataframe, .cell_output table[id^="T_"]');
    return [...found].filter(
      (table) =>
        table.tHead && table.tBodies.length === 1 && table.tBodies[0].rows.length >= FEWEST_ROWS &&
        !table.querySelector("table") && !table.closest(".jupyter-widgets"),
    );
  }

  const start = () => resultTables().forEach((table, index) => enhance(table, index + 1));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
