"""What an entry of the sample catalogues is made of. The files beside this one say which entries there are."""
import csv
import datetime
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent


def facts(name):
    with open(HERE / "facts" / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


DIVISIONS, HOLIDAYS = facts("divisions.csv"), facts("holidays.csv")


def item(title, name, kind, length=None, personal=False, sharing=None):
    return title, name, kind, length, personal, sharing


def items(text):
    """One data item per part: title, name, type with its length, then * for personal information and c or r where the item is stricter than its entry."""
    made = []
    for title, name, kind, *marks in (part.split() for part in text.split("；")):
        made.append(item(title, name, kind[0], int(kind[1:]) if kind[1:] else None, "*" in marks, next((m for m in marks if m in "cr"), None)))
    return made


def entry(department, heading, title, abstract, theme, sharing, items, form="库表", cycle="每月", grade=1, classification="一般数据",
          scope=None, purpose=None, other=None, reason=None, law=None, is_open=False, open_conditions="", related=(), rows=None):
    if sharing == "c":
        conditions = f"共享范围：{scope}；使用用途：{purpose}" + (f"；其他条件：{other}" if other else "")
    else:
        conditions = reason or ""
    return dict(department=department, heading=heading, title=title, abstract=abstract, theme=theme, sharing=sharing, items=items, form=form, cycle=cycle,
                grade=grade, classification=classification, conditions=conditions, law=law or "", is_open=is_open, open_conditions=open_conditions, related=related, rows=rows)


class Place:
    """One city: its real divisions, and what is made up about it from seeds of its own."""

    def __init__(self, city):
        self.id, self.short, self.division = city["city"], city["short_name"], city["code"]
        self.counties = [d for d in DIVISIONS if d["parent"] == self.division]
        self.streets = [d for d in DIVISIONS if d["parent"] in {c["code"] for c in self.counties}]

    def of(self, changsha, zhuzhou, xiangtan):
        """The three cities do not say the same thing alike."""
        return {"changsha": changsha, "zhuzhou": zhuzhou, "xiangtan": xiangtan}[self.id]

    def seeded(self, what):
        """Each table draws from a seed of its own: adding one leaves the others as they are."""
        return random.Random(f"{what} {self.id}")

    def person(self, i):
        return f"示例居民{i:04d}", f"示例证件{self.division}{i:06d}"

    def county(self, rng):
        return rng.choice(self.counties)


def day(rng, first, last):
    first, last = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)
    return first + datetime.timedelta(days=rng.randrange((last - first).days + 1))
