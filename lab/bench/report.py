# SPDX-License-Identifier: GPL-2.0
"""Compare the measurements of two kernels: report.py DIRECTORY TARGETS BASE [same]

DIRECTORY has stock/ and ours/, each with boot1, boot2, ... and growth (one CPU,
counted by the guest's clock), locked and locked.count (one CPU, with the
plugin), crowdN.M and crowdN.M.count (N CPUs, with the plugin) and walks (two CPUs).
Writes table.txt, table.tsv and growth.tsv there. Exits 1 when a row is worse
than stock or misses its target, unless TARGETS accepts that; with "same", where
both are stock, when any row differs.
"""
import math
import re
import statistics
import sys
from collections import defaultdict
from pathlib import Path

SIDES = ("stock", "ours")
GROWTH = re.compile(r"(.*) @(live|fences|attachments|pollers)=(\d+)$")
CROWDS = (2, 8, 64)
TIMERS = 0.15  # lines of a call that are not its own
LIVE = (50000, 1000000)  # of the boot "walks"
# A seq_file that overflows is shown again, in a buffer of twice the size: a linear
# text may cost 4**0.25 too much between two measurements, or more if stock does.
ABOVE_LINEAR = 1.25
ABOVE_STOCK = 0.1


def read_guest(path):
    """The lines of a guest, as (name, count, value)."""
    lines = path.read_text().splitlines()
    if not lines or lines[-1] != "end":
        sys.exit(f"bench: {path}: {lines[-1] if lines else 'empty'}, see {path}.console")
    for line in lines[:-1]:
        if line.startswith("# "):
            continue
        name, count, value = line.split("\t")
        yield name, int(count), int(value)


def read_regions(path):
    """For each region, the plugin's counts: locked instructions, line transfers."""
    return [[int(number) for number in line.split()[1:]]
            for line in path.read_text().splitlines() if line.startswith("region ")]


def measured(path):
    """Medians of one boot: instructions a call by name; plain figures by name."""
    blocks, figures = defaultdict(list), {}
    for name, count, value in read_guest(path):
        if count:
            blocks[name].append(value / count)
        else:
            figures[name] = value
    return {name: statistics.median(values) for name, values in blocks.items()}, figures


def read_side(path):
    """All results of one kernel, by (unit, name); growth by (name, parameter)."""
    result, growth = {}, defaultdict(dict)
    boots = [measured(boot) for boot in sorted(path.glob("boot?"))]
    for name in boots[0][0]:
        result["insns", name] = statistics.median(cost[name] for cost, _ in boots)
    for name in boots[0][1]:
        unit, _, rest = name.partition(": ")
        result[unit, rest] = statistics.median(figures[name] for _, figures in boots)

    for name, value in [*boots[0][0].items(), *measured(path / "growth")[0].items()]:
        match = GROWTH.match(name)
        if match:
            growth[match.group(1), match.group(2)][int(match.group(3))] = value

    regions = iter(read_regions(path / "locked.count"))
    locked = defaultdict(list)
    for name, count, _ in read_guest(path / "locked"):
        if count:
            locked[name].append(next(regions)[0] / count)
    for name, values in locked.items():
        result["locked", name] = round(statistics.median(values), 1)

    # The least of two boots: a timer may switch the CPU within a call. If that holds a
    # lock, the calls of all CPUs wait for it from then on.
    for boot in sorted(path.glob("crowd*.[0-9]")):
        regions = iter(read_regions(boot.with_name(boot.name + ".count")))
        for name, count, _ in read_guest(boot):
            key = "lines", name.partition(": ")[2]
            result[key] = min(result.get(key, math.inf), next(regions)[1] / count)

    for name, _, value in read_guest(path / "walks"):
        result["ns", name.partition(": ")[2]] = value
    for walk in ("listing", "iterator"):
        for live in LIVE:
            name = f"beside {walk}, {live}"
            if ("ns", name + ", mean") in result:
                result["ratio", name] = (result["ns", name + ", mean"] /
                                         result["ns", f"beside nothing, {live}, mean"])
    return result, growth


def read_targets(path, base):
    for line in path.read_text().splitlines():
        only, found, rest = line.partition(" only: ")
        if found:
            line = rest if only == base else ""
        if not line or line.startswith("#"):
            continue
        for cpus in CROWDS if "N CPUs" in line else ["N"]:
            fields = [field.strip().replace("N CPUs", f"{cpus} CPUs")
                      for field in line.split("|")]
            yield [*fields, "-"][:6]


def number(text):
    return None if text == "-" else float(text)


def show(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def compare(sides, targets, same):
    """The table's rows, and a complaint for each row that is not acceptable."""
    stock, ours = sides
    rows, complaints = [], []
    for name, unit, floor, reach, most_locked, accepted in targets:
        unit, slack = unit.rstrip("+"), 1.03 if unit.endswith("+") else 1.01
        key = (unit, name)
        if key not in stock or key not in ours:
            complaints.append(f"{name}: not measured ({unit})")
            continue
        old, new = stock[key], ours[key]
        bottom = ours.get((unit, floor))
        if unit == "lines" and bottom is not None:
            # only dma-buf's own lines, not those of every file
            old, new = max(0, old - stock[unit, floor]), max(0, new - bottom)
        noise = TIMERS if unit == "lines" else 0
        if noise:
            old, new = round(old, 1), round(new, 1)
        ratio = new / old if old > 0 else None
        locks = [side.get(("locked", name)) if unit == "insns" else None for side in sides]
        verdict = []
        if same:
            if old != new and not (slack > 1.01 or unit in ("ns", "ratio") or
                                   abs(ratio - 1) < 0.0005):
                verdict.append("differs")
        else:
            reach, most_locked = number(reach), number(most_locked)
            if new > old * slack + noise and new - old >= (1 if unit == "insns" else 0):
                if not (reach is not None and unit == "ns" and new <= reach):
                    verdict.append("worse than stock")
            if reach is not None and new > reach * (slack if slack > 1.01 else 1) + noise:
                verdict.append(f"{show(reach)} missed")
        accept = number(accepted) is not None and new <= number(accepted)
        bad = [] if accept else verdict
        if verdict and accept:
            verdict = ["accepted: " + ", ".join(verdict)]
        if not same and most_locked is not None and locks[1] > most_locked:
            bad = [*bad, f"{show(most_locked)} locked missed"]
            verdict = [*verdict, bad[-1]]
        complaints += [f"{name}: {show(old)} -> {show(new)} {unit}: {reason}" for reason in bad]
        rows.append((name, unit, old, new, ratio, bottom, locks[0], locks[1],
                     ours.get(("locked", floor)) if unit == "insns" else None,
                     "" if same else reach, ", ".join(verdict)))
    return rows, complaints


def exponent(points):
    """The slope of the line fitted to the last three points, log against log."""
    tail = sorted(points.items())[-3:]
    xs = [math.log(x) for x, _ in tail]
    ys = [math.log(max(y, 1)) for _, y in tail]
    x0, y0 = statistics.mean(xs), statistics.mean(ys)
    return (sum((x - x0) * (y - y0) for x, y in zip(xs, ys)) /
            sum((x - x0) ** 2 for x in xs))


def compare_growth(growths, out):
    """Writes growth.tsv; returns the table of growing rows, and complaints."""
    text, complaints = [], []
    with open(out, "w") as tsv:
        print("op", "against", "stock^", "ours^", "stock", "ours", sep="\t", file=tsv)
        for key, points in growths[1].items():
            old, new = exponent(growths[0][key]), exponent(points)
            values = [" ".join(f"{n}:{value:.0f}" for n, value in sorted(side[key].items()))
                      for side in growths]
            print(*key, f"{old:.2f}", f"{new:.2f}", *values, sep="\t", file=tsv)
            if max(old, new) >= 0.05:
                text.append(f"{key[0]:32} {key[1]:12} {old:6.2f} {new:6.2f}   {values[1]}")
            if new > max(ABOVE_LINEAR, old + ABOVE_STOCK):
                complaints.append(f"{key[0]}: grows with {key[1]} as n^{new:.2f}")
    return text, complaints


def table_text(rows):
    head = ("row", "unit", "stock", "ours", "ratio", "floor", "locked", "", "", "reach", "")
    text = [head] + [(name, unit, show(old), show(new), f"{ratio:.3f}" if ratio is not None
                      else "-", show(floor), *map(show, locks), "" if reach == ""
                      else show(reach), verdict)
                     for name, unit, old, new, ratio, floor, *locks, reach, verdict in rows]
    form = "{:34} {:6} {:>11} {:>11} {:>7} {:>9} {:>7} {:>7} {:>7} {:>10} {}"
    return [form.format(*line).rstrip() for line in text]


def main():
    directory, targets, base = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    same = sys.argv[4:] == ["same"]
    results, growths = zip(*(read_side(directory / side) for side in SIDES))
    rows, complaints = compare(results, list(read_targets(targets, base)), same)
    grows, too_much = compare_growth(growths, directory / "growth.tsv")

    text = table_text(rows) + ["", "growth, exponent of n: stock, ours; figures of ours"]
    text += grows
    (directory / "table.txt").write_text("\n".join(text) + "\n")
    with open(directory / "table.tsv", "w") as tsv:
        print("row", "unit", "stock", "ours", "ratio", "floor", "locked stock", "locked ours",
              "locked floor", "reach", "verdict", sep="\t", file=tsv)
        for row in rows:
            print(*("-" if field is None or field == "" else field for field in row),
                  sep="\t", file=tsv)
    print("\n".join(text))
    complaints += [] if same else too_much
    for complaint in complaints:
        print("bench:", complaint)
    ratios = [(ratio, name) for name, unit, _, _, ratio, *_ in rows if unit == "insns"]
    worst, name = max(ratios)
    mean = math.exp(statistics.mean(math.log(ratio) for ratio, _ in ratios))
    print(f"bench: worst ratio {worst:.3f} ({name}), geometric mean {mean:.3f}")
    sys.exit(bool(complaints))


main()
