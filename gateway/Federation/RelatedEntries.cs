using System.Runtime.InteropServices;

namespace Exchange.Gateway.Federation;

/// <summary>Why an entry is shown beside another one.</summary>
internal enum Relation
{
    /// <summary>The entry names it (关联资源代码).</summary>
    Named,

    /// <summary>It names the entry.</summary>
    NamesThis,

    SameDepartment,

    SameTheme,

    /// <summary>It holds data items of the same titles, and not only such as very many entries hold.</summary>
    SharedItems,
}

/// <summary>An entry that whoever reads another one may want to see.</summary>
internal sealed record RelatedEntry(IndexedEntry Entry, IReadOnlyList<Relation> Why);

/// <summary>
/// Finds the entries that belong to a given one: those that either names by code; then those of its department on its theme, and those of any city that hold much the
/// same data items, the rarer the item the more it counts. Codes, duties and items each have their list of entries, so nothing is scanned.
/// One writer, as with <see cref="SearchIndex"/>.
/// </summary>
internal sealed class RelatedEntries : IDisposable
{
    /// <summary>An item that more entries hold tells nothing, and is not followed.</summary>
    internal const int MostHolders = 500;

    /// <summary>Part of the items' weight that another department's entry must share.</summary>
    internal const double MuchTheSame = 0.25;

    /// <summary>What each of the same department and the same theme is worth, beside shared items' 0 to 1.</summary>
    internal const double SameDuty = 0.25;

    private readonly ReaderWriterLockSlim gate = new();
    private readonly Dictionary<Guid, Node> nodes = [];
    private readonly Dictionary<string, List<Node>> byCode = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<Node>> byNamedCode = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Department, string Theme), List<Node>> byDuty = [];
    private readonly Dictionary<string, Item> items = new(StringComparer.Ordinal);

    public void Set(IndexedEntry entry)
    {
        string[] titles = [.. Titles(entry)];
        gate.EnterWriteLock();
        try
        {
            Leave(entry.Id);
            var node = new Node(entry, [.. titles.Select(title => CollectionsMarshal.GetValueRefOrAddDefault(items, title, out _) ??= new Item(title))]);
            nodes.Add(entry.Id, node);
            Add(byDuty, (entry.DepartmentCode, entry.Theme), node);
            if (entry.Code is not null)
            {
                Add(byCode, entry.Code, node);
            }

            foreach (var code in entry.RelatedCodes.Distinct(StringComparer.Ordinal))
            {
                Add(byNamedCode, code, node);
            }

            for (var i = 0; i < node.Items.Length; i++)
            {
                node.Places[i] = node.Items[i].Holders.Count;
                node.Items[i].Holders.Add(node);
            }
        }
        finally
        {
            gate.ExitWriteLock();
        }
    }

    public void Remove(Guid id)
    {
        gate.EnterWriteLock();
        try
        {
            Leave(id);
        }
        finally
        {
            gate.ExitWriteLock();
        }
    }

    /// <summary>At most <paramref name="most"/>, the nearest first; only open ones when <paramref name="openOnly"/>.</summary>
    public IReadOnlyList<RelatedEntry> Find(Guid id, bool openOnly, int most)
    {
        gate.EnterReadLock();
        try
        {
            if (!nodes.TryGetValue(id, out var self))
            {
                return [];
            }

            var matches = Named(self);
            var total = 0.0;
            foreach (var item in self.Items)
            {
                var weight = Weight(nodes.Count, item.Holders.Count);
                total += weight;
                foreach (var holder in item.Holders.Count <= MostHolders ? item.Holders : [])
                {
                    CollectionsMarshal.GetValueRefOrAddDefault(matches, holder, out _).Shared += weight;
                }
            }

            matches.Remove(self);
            List<Ranked> ranked = [];
            foreach (var (node, match) in matches)
            {
                if ((!openOnly || node.Entry.Open) && Ranked.Of(self.Entry, node.Entry, match, total) is { } near)
                {
                    ranked.Add(near);
                }
            }

            ranked.AddRange(OfSameDuty(self, matches, openOnly, most));
            ranked.Sort(Ranked.NearestFirst);
            return [.. ranked.Take(most).Select(near => near.Shown)];
        }
        finally
        {
            gate.ExitReadLock();
        }
    }

    public void Dispose() => gate.Dispose();

    internal static IEnumerable<string> Titles(IndexedEntry entry) => entry.FieldTitles.Select(FoldedText.Fold).Where(title => title.Length > 0).Distinct(StringComparer.Ordinal);

    internal static double Weight(int entries, int holders) => Math.Log2((double)entries / holders);

    private Dictionary<Node, Match> Named(Node self)
    {
        Dictionary<Node, Match> matches = [];
        foreach (var code in self.Entry.RelatedCodes)
        {
            foreach (var node in Meant(code, self.Entry.City))
            {
                CollectionsMarshal.GetValueRefOrAddDefault(matches, node, out _).Named = true;
            }
        }

        if (self.Entry.Code is { } own && byNamedCode.TryGetValue(own, out var naming))
        {
            foreach (var node in naming.Where(node => Meant(own, node.Entry.City).Contains(self)))
            {
                CollectionsMarshal.GetValueRefOrAddDefault(matches, node, out _).NamesThis = true;
            }
        }

        return matches;
    }

    /// <summary>Codes are unique per city: one's own city is meant, and another one only where that has no such code.</summary>
    private List<Node> Meant(string code, string city) =>
        !byCode.TryGetValue(code, out var bearers) ? []
        : bearers.Find(node => node.Entry.City == city) is { } own ? [own]
        : bearers;

    /// <summary>Those that share nothing but the duty are all equally near, so only the newest of them can be among the shown.</summary>
    private IEnumerable<Ranked> OfSameDuty(Node self, Dictionary<Node, Match> matches, bool openOnly, int most)
    {
        var newest = new PriorityQueue<Ranked, Ranked>(most + 1, Comparer<Ranked>.Create(static (a, b) => Ranked.NearestFirst(b, a)));
        foreach (var node in byDuty[(self.Entry.DepartmentCode, self.Entry.Theme)])
        {
            if (node != self && (!openOnly || node.Entry.Open) && !matches.ContainsKey(node) && Ranked.Of(self.Entry, node.Entry, default, 0) is { } near)
            {
                newest.Enqueue(near, near);
                if (newest.Count > most)
                {
                    newest.Dequeue();
                }
            }
        }

        return newest.UnorderedItems.Select(item => item.Element);
    }

    private void Leave(Guid id)
    {
        if (!nodes.Remove(id, out var node))
        {
            return;
        }

        Take(byDuty, (node.Entry.DepartmentCode, node.Entry.Theme), node);
        if (node.Entry.Code is { } code)
        {
            Take(byCode, code, node);
        }

        foreach (var named in node.Entry.RelatedCodes.Distinct(StringComparer.Ordinal))
        {
            Take(byNamedCode, named, node);
        }

        for (var i = 0; i < node.Items.Length; i++)
        {
            // The last holder moves into the gap: some items have a hundred thousand.
            var item = node.Items[i];
            var last = item.Holders[^1];
            item.Holders[node.Places[i]] = last;
            last.Places[Array.IndexOf(last.Items, item)] = node.Places[i];
            item.Holders.RemoveAt(item.Holders.Count - 1);
            if (item.Holders.Count == 0)
            {
                items.Remove(item.Title);
            }
        }
    }

    private static void Add<TKey>(Dictionary<TKey, List<Node>> lists, TKey key, Node node)
        where TKey : notnull => (CollectionsMarshal.GetValueRefOrAddDefault(lists, key, out _) ??= []).Add(node);

    private static void Take<TKey>(Dictionary<TKey, List<Node>> lists, TKey key, Node node)
        where TKey : notnull
    {
        lists[key].Remove(node);
        if (lists[key].Count == 0)
        {
            lists.Remove(key);
        }
    }

    private sealed class Node(IndexedEntry entry, Item[] items)
    {
        public IndexedEntry Entry { get; } = entry;

        public Item[] Items { get; } = items;

        /// <summary>Where it stands among each item's holders.</summary>
        public int[] Places { get; } = new int[items.Length];
    }

    private sealed class Item(string title)
    {
        public string Title { get; } = title;

        public List<Node> Holders { get; } = [];
    }

    private struct Match
    {
        public bool Named;
        public bool NamesThis;
        public double Shared;
    }

    private sealed record Ranked(RelatedEntry Shown, bool Named, double Score)
    {
        /// <summary>Null when it is not near enough.</summary>
        public static Ranked? Of(IndexedEntry self, IndexedEntry other, Match match, double total)
        {
            var department = self.DepartmentCode == other.DepartmentCode;
            var theme = self.Theme == other.Theme;
            var shared = total > 0 ? match.Shared / total : 0;
            var named = match.Named || match.NamesThis;
            if (!named && !(department && theme) && shared < MuchTheSame)
            {
                return null;
            }

            List<Relation> why = [];
            AddIf(match.Named, Relation.Named);
            AddIf(match.NamesThis, Relation.NamesThis);
            AddIf(department, Relation.SameDepartment);
            AddIf(theme, Relation.SameTheme);
            AddIf(shared > 0, Relation.SharedItems);
            // Rounded: the order in which weights were added up must not decide between equals.
            return new Ranked(new RelatedEntry(other, why), named, Math.Round(shared + (department ? SameDuty : 0) + (theme ? SameDuty : 0), 6));

            void AddIf(bool holds, Relation relation)
            {
                if (holds)
                {
                    why.Add(relation);
                }
            }
        }

        public static int NearestFirst(Ranked a, Ranked b) =>
            a.Named != b.Named ? b.Named.CompareTo(a.Named)
            : a.Score != b.Score ? b.Score.CompareTo(a.Score)
            : a.Shown.Entry.ReleasedOn != b.Shown.Entry.ReleasedOn ? b.Shown.Entry.ReleasedOn.CompareTo(a.Shown.Entry.ReleasedOn)
            : b.Shown.Entry.Id.CompareTo(a.Shown.Entry.Id);
    }
}
