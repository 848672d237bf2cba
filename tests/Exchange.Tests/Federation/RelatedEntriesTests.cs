using Exchange.Gateway.Federation;
using FsCheck;
using FsCheck.Fluent;

namespace Exchange.Tests.Federation;

public sealed class RelatedEntriesTests
{
    private static readonly Gen<IndexedEntry> Entries =
        from number in Gen.Choose(1, 14)
        from city in Gen.Elements("changsha", "zhuzhou")
        from department in Gen.Choose(0, 2)
        from theme in Gen.Elements("C0200", "C0300")
        from code in Gen.Elements<string?>(null, "1", "2", "3")
        from related in Gen.Elements("1", "2", "3", "4").ArrayOf(2)
        from titles in Gen.Elements("姓名", "证件号码", "参保状态", "缴费月数", "　姓名", "").ArrayOf(3)
        from open in Gen.Elements(true, false)
        from day in Gen.Choose(1, 3)
        select SearchIndexTests.Entry(number, $"条目{number}", "") with
        {
            City = city,
            DepartmentCode = $"D{department}",
            Theme = theme,
            Code = code,
            RelatedCodes = related,
            FieldTitles = titles,
            Open = open,
            ReleasedOn = new DateOnly(2026, 1, day),
        };

    [Fact]
    public void What_is_related_is_what_a_scan_would_find()
    {
        var histories =
            from changes in Gen.OneOf(Entries.Select(entry => (entry, true)), Entries.Select(entry => (entry, true)), Entries.Select(entry => (entry, false))).ListOf(25)
            from openOnly in Gen.Elements(true, false)
            from most in Gen.Choose(1, 6)
            select (changes, openOnly, most);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(100), Prop.ForAll(histories.ToArbitrary(), history =>
        {
            using var related = new RelatedEntries();
            Dictionary<Guid, IndexedEntry> live = [];
            foreach (var (entry, stays) in history.changes)
            {
                if (stays)
                {
                    related.Set(entry);
                    live[entry.Id] = entry;
                }
                else
                {
                    related.Remove(entry.Id);
                    live.Remove(entry.Id);
                }
            }

            foreach (var entry in live.Values)
            {
                Assert.Equal(Scan(entry, [.. live.Values], history.openOnly, history.most), related.Find(entry.Id, history.openOnly, history.most).Select(near => (near.Entry.Id, string.Join(' ', near.Why))));
            }

            return true;
        }));
    }

    [Fact]
    public void A_named_entry_comes_first_then_the_like_of_another_city_then_the_rest_of_the_duty()
    {
        using var related = new RelatedEntries();
        var entry = SearchIndexTests.Entry(1, "参保人员", "") with { Code = "307/1", RelatedCodes = ["307/9"], FieldTitles = ["参保状态", "缴费月数"] };
        related.Set(entry);
        related.Set(SearchIndexTests.Entry(2, "养老待遇", "") with { FieldTitles = ["姓名"] });
        related.Set(SearchIndexTests.Entry(3, "株洲参保人员", "") with { City = "zhuzhou", DepartmentCode = "D9", FieldTitles = ["参保状态", "缴费月数"] });
        related.Set(SearchIndexTests.Entry(4, "单位登记", "") with { DepartmentCode = "D8", Theme = "A0200", Code = "307/9" });
        related.Set(SearchIndexTests.Entry(5, "公园", "") with { DepartmentCode = "D7", Theme = "C0500" });
        var found = related.Find(entry.Id, openOnly: false, 10);
        Assert.Equal(["单位登记", "株洲参保人员", "养老待遇"], found.Select(near => near.Entry.Name));
        Assert.Equal([Relation.SameTheme, Relation.SharedItems], found[1].Why);
    }

    [Fact]
    public void A_title_that_very_many_hold_leads_nowhere()
    {
        using var related = new RelatedEntries();
        for (var number = 1; number <= RelatedEntries.MostHolders + 1; number++)
        {
            related.Set(SearchIndexTests.Entry(number, $"条目{number}", "") with { DepartmentCode = $"D{number}", FieldTitles = ["姓名"] });
        }

        related.Set(SearchIndexTests.Entry(9999, "无信息项", ""));
        var first = SearchIndexTests.Entry(1, "", "").Id;
        Assert.Empty(related.Find(first, openOnly: false, 10));
        related.Remove(SearchIndexTests.Entry(2, "", "").Id);
        Assert.Equal(10, related.Find(first, openOnly: false, 10).Count);
    }

    private static IEnumerable<(Guid, string)> Scan(IndexedEntry entry, IReadOnlyList<IndexedEntry> live, bool openOnly, int most)
    {
        IndexedEntry[] Meant(string code, string city) => live.Where(e => e.Code == code) is var bearers && bearers.Any(e => e.City == city)
            ? [.. bearers.Where(e => e.City == city)]
            : [.. bearers];
        var titles = RelatedEntries.Titles(entry).ToList();
        double Weight(string title) => RelatedEntries.Weight(live.Count, live.Count(e => RelatedEntries.Titles(e).Contains(title)));
        var total = titles.Sum(Weight);
        return live.Where(other => other.Id != entry.Id && (!openOnly || other.Open)).Select(other =>
        {
            var named = entry.RelatedCodes.Any(code => Meant(code, entry.City).Contains(other));
            var names = entry.Code is { } own && other.RelatedCodes.Contains(own) && Meant(own, other.City).Contains(entry);
            var shared = total > 0 ? titles.Intersect(RelatedEntries.Titles(other)).Sum(Weight) / total : 0;
            var (department, theme) = (other.DepartmentCode == entry.DepartmentCode, other.Theme == entry.Theme);
            List<string> why = [];
            why.AddRange(new[] { (named, "Named"), (names, "NamesThis"), (department, "SameDepartment"), (theme, "SameTheme"), (shared > 0, "SharedItems") }.Where(w => w.Item1).Select(w => w.Item2));
            return (other, tier: named || names, near: named || names || (department && theme) || shared >= RelatedEntries.MuchTheSame,
                score: Math.Round(shared + (department ? RelatedEntries.SameDuty : 0) + (theme ? RelatedEntries.SameDuty : 0), 6), why: string.Join(' ', why));
        })
        .Where(match => match.near)
        .OrderByDescending(match => match.tier).ThenByDescending(match => match.score).ThenByDescending(match => match.other.ReleasedOn).ThenByDescending(match => match.other.Id)
        .Take(most)
        .Select(match => (match.other.Id, match.why));
    }
}
