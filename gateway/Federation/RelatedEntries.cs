using System.Runtime.InteropServices;

namespace Exchange.Gateway.Federation;

/// <summary>Why an entry is shown beside another one.</summary>
public enum Relation
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
    internal const int MostHolders = 200;

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
            // The farthest of the nearest is on top and leaves when a nearer one comes.
            var nearest = new PriorityQueue<Ranked, Ranked>(most + 1, Ranked.FarthestFirst);
            foreach (var (node, match) in matches)
            {
                Offer(node, match);
            }

            foreach (var node in byDuty[(self.Entry.DepartmentCode, self.Entry.Theme)])
            {
                if (node != self && !matches.ContainsKey(node))
                {
                    Offer(node, default);
                }
            }

            var found = new RelatedEntry[nearest.Count];
            for (var i = found.Length - 1; i >= 0; i--)
            {
                found[i] = nearest.Dequeue().Shown(self);
            }

            return found;

            void Offer(Node node, Match match)
            {
                if ((openOnly && !node.Entry.Open) || Ranked.Of(self, node, match, total) is not { } near)
                {
                    return;
                }

                if (nearest.Count < most)
                {
                    nearest.Enqueue(near, near);
                }
                else
                {
                    nearest.EnqueueDequeue(near, near);
                }
            }
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

    /// <summary>Codes are given by each city for itself: one's own is meant, and another one only where that has no such code.</summary>
    private List<Node> Meant(string code, string city) =>
        !byCode.TryGetValue(code, out var bearers) ? []
        : bearers.FindAll(node => node.Entry.City == city) is { Count: > 0 } own ? own
        : bearers;

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

        public readonly bool ByName => Named || NamesThis;
    }

    private readonly record struct Ranked(Node Node, Match Match, double Score)
    {
        public static readonly Comparer<Ranked> FarthestFirst = Comparer<Ranked>.Create(static (a, b) =>
            a.Match.ByName != b.Match.ByName ? a.Match.ByName.CompareTo(b.Match.ByName)
            : a.Score != b.Score ? a.Score.CompareTo(b.Score)
            : a.Node.Entry.ReleasedOn != b.Node.Entry.ReleasedOn ? a.Node.Entry.ReleasedOn.CompareTo(b.Node.Entry.ReleasedOn)
            : a.Node.Entry.Id.CompareTo(b.Node.Entry.Id));

        /// <summary>Null when it is not near enough.</summary>
        public static Ranked? Of(Node self, Node other, Match match, double total)
        {
            var department = self.Entry.DepartmentCode == other.Entry.DepartmentCode;
            var theme = self.Entry.Theme == other.Entry.Theme;
            var shared = total > 0 ? match.Shared / total : 0;
            return match.ByName || (department && theme) || shared >= MuchTheSame
                // Rounded: the order in which weights were added up must not decide between equals.
                ? new Ranked(other, match, Math.Round(shared + (department ? SameDuty : 0) + (theme ? SameDuty : 0), 6))
                : null;
        }

        public RelatedEntry Shown(Node self) => new(Node.Entry,
        [
            .. Match.Named ? [Relation.Named] : Array.Empty<Relation>(),
            .. Match.NamesThis ? [Relation.NamesThis] : Array.Empty<Relation>(),
            .. self.Entry.DepartmentCode == Node.Entry.DepartmentCode ? [Relation.SameDepartment] : Array.Empty<Relation>(),
            .. self.Entry.Theme == Node.Entry.Theme ? [Relation.SameTheme] : Array.Empty<Relation>(),
            .. Match.Shared > 0 ? [Relation.SharedItems] : Array.Empty<Relation>(),
        ]);
    }
}
