"""The table that a run ends with."""

COLUMNS = [("row", "row"), ("value", "measured"), ("bar", "bar"), ("met", "met"), ("rate", "per second"), ("p50", "p50 ms"),
           ("p99", "p99 ms"), ("cpu", "CPU us/op"), ("rss", "RSS MiB"), ("how", "how")]


def text(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def print_table(results):
    rows = [[text(r.get(key)) for key, _ in COLUMNS] for r in results]
    widths = [max(len(title), *(len(row[i]) for row in rows)) if rows else len(title)
              for i, (_, title) in enumerate(COLUMNS)]
    print("| " + " | ".join(title.ljust(w) for (_, title), w in zip(COLUMNS, widths)) + " |")
    print("|" + "|".join("-" * (w + 2) for w in widths) + "|")
    for row in rows:
        print("| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths)) + " |")
    for r in results:
        for part in r.get("parts", []):
            print(f"  {r['row']}: {part}")
