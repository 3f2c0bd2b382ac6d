# SPDX-License-Identifier: GPL-2.0
"""Print a row's instructions by function: profile.py ROW DIRECTORY [VMLINUX]

Without VMLINUX, prints the row's number among the plugin's regions.
Otherwise prints instructions a call by function, from DIRECTORY/profile.count.
"""
import bisect
import subprocess
import sys
from collections import Counter
from pathlib import Path


def find_row(guest, row):
    regions = [line.split("\t") for line in guest.read_text().splitlines()
               if line.count("\t") == 2]
    regions = [(name, int(count)) for name, count, _ in regions if int(count)]
    for place, (name, count) in enumerate(regions):
        if name == row:
            return place, count
    sys.exit(f"bench: no row \"{row}\", rows are: " +
             "; ".join(dict.fromkeys(name for name, _ in regions)))


def read_symbols(vmlinux, guest):
    text = subprocess.run(["nm", vmlinux], check=True, capture_output=True, text=True).stdout
    symbols = [line.split() for line in text.splitlines()]
    symbols = [(int(address, 16), name) for address, kind, name in symbols if kind in "tTW"]
    symbols += [(int(address, 16), name) for mark, address, name in
                (line.split() for line in guest.read_text().splitlines()
                 if line.startswith("# "))]
    return sorted(symbols)


def main():
    row, directory = sys.argv[1], Path(sys.argv[2])
    place, count = find_row(directory / "locked", row)
    if len(sys.argv) < 4:
        print(place)
        return
    symbols = read_symbols(sys.argv[3], directory / "locked")
    addresses = [address for address, _ in symbols]
    total = Counter()
    for line in (directory / "profile.count").read_text().splitlines():
        key, *rest = line.split()
        if key == "at":
            address = int(rest[0], 16)
            where = symbols[bisect.bisect(addresses, address) - 1][1]
            total["(user)" if address < 1 << 47 else where] += int(rest[1])
    for name, instructions in total.most_common():
        if instructions >= count / 10:
            print(f"{instructions / count:10.1f} {name}")
    print(f"{sum(total.values()) / count:10.1f} total, {directory.name}, {row}")


main()
