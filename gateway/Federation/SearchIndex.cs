using System.Buffers;
using System.Globalization;

namespace Exchange.Gateway.Federation;

/// <summary>
/// Text search and facets over all live entries, in memory: postings of 2-grams, because Chinese is written without spaces and most of its words have two characters.
/// The result is what a scan for every term in <see cref="FoldedText"/> would give; the postings only say where to look.
/// One writer changes entries in place, one at a time; readers wait for it a fraction of a millisecond at most.
/// </summary>
internal sealed class SearchIndex : IDisposable
{
    private static readonly int FacetTotal = Enum.GetValues<Facet>().Length;
    private const int MostCompared = 2000;
    private static readonly CompareInfo ByPinyin = CultureInfo.GetCultureInfo("zh-CN").CompareInfo;

    private readonly ReaderWriterLockSlim gate = new();
    private readonly Dictionary<Guid, int> slots = [];
    private readonly Stack<int> freeSlots = [];
    private readonly Dictionary<uint, Posting> postings = [];
    private readonly Dictionary<char, HashSet<uint>> gramsByFirst = [];
    private readonly FacetValues[] facets = [.. Enumerable.Range(0, FacetTotal).Select(_ => new FacetValues())];
    private readonly View everything;
    private readonly View open;
    private Document?[] documents = new Document?[16];
    private int[] facetCodes = new int[16 * FacetTotal];
    private int[] releasedDays = new int[16];
    private int[] staleDays = new int[16];
    private uint[] titleStarts = new uint[16];
    private bool[] openSlots = new bool[16];
    private int slotCount;
    private object state = new();

    public SearchIndex()
    {
        everything = new View(this);
        open = new View(this);
    }

    public int Count => everything.Count;

    /// <summary>Another object after every change: whoever saw the same one before and after saw one state of the catalogue.</summary>
    public object State => Volatile.Read(ref state);

    /// <summary>The same index as entry after entry would give, but sorted once.</summary>
    public static SearchIndex Build(IEnumerable<IndexedEntry> entries)
    {
        var index = new SearchIndex();
        index.everything.Deferred = index.open.Deferred = true;
        foreach (var entry in entries)
        {
            index.Set(entry);
        }

        index.everything.Deferred = index.open.Deferred = false;
        foreach (var posting in index.postings.Values)
        {
            posting.Trim();
        }

        return index;
    }

    public void Set(IndexedEntry entry)
    {
        var document = Document.Of(entry);
        var grams = GramsOf(document);
        gate.EnterWriteLock();
        try
        {
            if (slots.TryGetValue(entry.Id, out var slot))
            {
                Leave(slot, keep: grams);
            }
            else
            {
                slot = TakeSlot();
                slots.Add(entry.Id, slot);
            }

            documents[slot] = document;
            releasedDays[slot] = document.ReleasedDay;
            staleDays[slot] = entry.StaleFrom?.DayNumber ?? int.MaxValue;
            titleStarts[slot] = document.TitleStart;
            openSlots[slot] = entry.Open;
            for (var facet = 0; facet < FacetTotal; facet++)
            {
                facetCodes[(slot * FacetTotal) + facet] = facets[facet].Code(
                    entry.FacetValue((Facet)facet), facet == (int)Facet.Department ? entry.DepartmentName : null);
            }

            foreach (var gram in grams)
            {
                PostingOf(gram.Key).Set(slot, gram.Value);
            }

            everything.Add(slot);
            if (entry.Open)
            {
                open.Add(slot);
            }

            state = new object();
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
            if (slots.Remove(id, out var slot))
            {
                Leave(slot, keep: null);
                documents[slot] = null;
                freeSlots.Push(slot);
                state = new object();
            }
        }
        finally
        {
            gate.ExitWriteLock();
        }
    }

    /// <summary>Every entry that <paramref name="wanted"/> says yes to, in no order: for figures over the whole catalogue.</summary>
    public IReadOnlyList<T> Select<T>(Func<IndexedEntry, T?> wanted)
        where T : class
    {
        gate.EnterReadLock();
        try
        {
            return [.. slots.Values.Select(slot => wanted(documents[slot]!.Entry)).OfType<T>()];
        }
        finally
        {
            gate.ExitReadLock();
        }
    }

    public IndexedEntry? Find(Guid id)
    {
        gate.EnterReadLock();
        try
        {
            return slots.TryGetValue(id, out var slot) ? documents[slot]!.Entry : null;
        }
        finally
        {
            gate.ExitReadLock();
        }
    }

    public SearchPage Search(SearchRequest request)
    {
        gate.EnterReadLock();
        try
        {
            var view = request.OpenOnly ? open : everything;
            if (request.Terms.Count == 0 && request.Filters.Count <= 1)
            {
                return Counted(request, view);
            }

            var candidates = ArrayPool<int>.Shared.Rent(Math.Max(slotCount, 1));
            var scores = ArrayPool<ushort>.Shared.Rent(Math.Max(slotCount, 1));
            try
            {
                // A page goes on as the one before it, whatever was published meanwhile.
                var similar = request.After?.Similar ?? false;
                var found = similar ? 0 : Candidates(request.Terms, view, candidates, scores);
                found = request.OpenOnly ? Open(candidates, scores, found) : found;
                if (found == 0 && request.After?.Similar is not false)
                {
                    found = Similar(request.Terms, candidates, scores);
                    found = request.OpenOnly ? Open(candidates, scores, found) : found;
                    similar = found > 0;
                }

                var page = Page(request, view, candidates.AsSpan(0, found), scores.AsSpan(0, found));
                return similar ? page with { Similar = true, Next = page.Next is null ? null : page.Next with { Similar = true } } : page;
            }
            finally
            {
                ArrayPool<int>.Shared.Return(candidates);
                ArrayPool<ushort>.Shared.Return(scores);
            }
        }
        finally
        {
            gate.ExitReadLock();
        }
    }

    /// <summary>How many entries hold every term and pass the filters: a search without its page and its facets.</summary>
    public int CountOf(SearchRequest request)
    {
        gate.EnterReadLock();
        var candidates = ArrayPool<int>.Shared.Rent(Math.Max(slotCount, 1));
        var scores = ArrayPool<ushort>.Shared.Rent(Math.Max(slotCount, 1));
        try
        {
            if (request is { Terms: [{ Length: 2 } pair], Filters.Count: 0, OpenOnly: false })
            {
                return postings.TryGetValue(Gram(pair[0], pair[1]), out var posting) ? posting.Count : 0;
            }

            var found = Candidates(request.Terms, request.OpenOnly ? open : everything, candidates, scores);
            found = request.OpenOnly ? Open(candidates, scores, found) : found;
            if (found == 0 || request.Filters.Count == 0)
            {
                return found;
            }

            var masks = Masks(request);
            var passed = 0;
            foreach (var slot in candidates.AsSpan(0, found))
            {
                passed += Failures(slot, masks, out _) == 0 ? 1 : 0;
            }

            return passed;
        }
        finally
        {
            ArrayPool<int>.Shared.Return(candidates);
            ArrayPool<ushort>.Shared.Return(scores);
            gate.ExitReadLock();
        }
    }

    public void Dispose() => gate.Dispose();

    /// <summary>What stands in titles where the term was meant: words that begin with the same sounds and share a character with it, the likeliest first.</summary>
    public IReadOnlyList<string> SoundLike(string term, bool openOnly)
    {
        var sounds = PinyinInitials.Of(term);
        if (term.Length < 2 || !sounds.All(char.IsAsciiLetterLower) || sounds == term)
        {
            return [];
        }

        gate.EnterReadLock();
        var candidates = ArrayPool<int>.Shared.Rent(Math.Max(slotCount, 1));
        var scores = ArrayPool<ushort>.Shared.Rent(Math.Max(slotCount, 1));
        try
        {
            var found = Candidates([sounds], everything, candidates, scores);
            found = openOnly ? Open(candidates, scores, found) : found;
            Dictionary<string, int> words = new(StringComparer.Ordinal);
            foreach (var slot in candidates.AsSpan(0, Math.Min(found, MostCompared)))
            {
                var title = documents[slot]!.Text.AsSpan();
                title = title[..title.IndexOf(FoldedText.FieldEnd)];
                var titleSounds = PinyinInitials.Of(title.ToString());
                for (var at = titleSounds.IndexOf(sounds, StringComparison.Ordinal); at >= 0; at = titleSounds.IndexOf(sounds, at + 1, StringComparison.Ordinal))
                {
                    var word = title.Slice(at, term.Length).ToString();
                    words[word] = words.GetValueOrDefault(word) + 1;
                }
            }

            return [.. words.Select(word => (Word: word.Key, word.Value, Same: word.Key.Zip(term).Count(pair => pair.First == pair.Second)))
                .Where(word => word.Same > 0)
                .OrderByDescending(word => word.Same).ThenByDescending(word => word.Value).ThenBy(word => word.Word, StringComparer.Ordinal)
                .Select(word => word.Word)];
        }
        finally
        {
            ArrayPool<int>.Shared.Return(candidates);
            ArrayPool<ushort>.Shared.Return(scores);
            gate.ExitReadLock();
        }
    }

    /// <summary>No words and at most one facet chosen: total and counts were kept as entries came and went, and nothing is scanned.</summary>
    private SearchPage Counted(SearchRequest request, View view)
    {
        if (request.Filters.Count == 0)
        {
            return new SearchPage(
                view.Count,
                view.Page(request, view.Count, static (_, _) => true, (object?)null, out var following),
                Shown(view.FacetCounts, request.FacetValues),
                following);
        }

        var (facet, values) = request.Filters.Single();
        var mask = facets[(int)facet].Mask(values);
        var counts = view.CountsWith(facet, mask, out var total);
        var items = view.Page(request, total, static (state, slot) => state.mask[state.facetCodes[(slot * FacetTotal) + (int)state.facet]], (mask, facetCodes, facet), out var next);
        return new SearchPage(total, items, Shown(counts, request.FacetValues), next);
    }

    private int Open(int[] slotsFound, ushort[] scores, int found)
    {
        var kept = 0;
        for (var i = 0; i < found; i++)
        {
            if (openSlots[slotsFound[i]])
            {
                slotsFound[kept] = slotsFound[i];
                scores[kept++] = scores[i];
            }
        }

        return kept;
    }

    private int Candidates(IReadOnlyList<string> terms, View view, int[] slotsFound, ushort[] scores)
    {
        if (terms.Count == 0)
        {
            // As they lie in memory, not as a page shows them: all that is kept beside them is read in one go.
            var all = 0;
            for (var slot = 0; slot < slotCount; slot++)
            {
                if (documents[slot] is not null && (view == everything || openSlots[slot]))
                {
                    slotsFound[all++] = slot;
                }
            }

            scores.AsSpan(0, all).Clear();
            return all;
        }

        Dictionary<uint, bool> wanted = [];
        foreach (var term in terms)
        {
            for (var i = 0; i + 1 < term.Length; i++)
            {
                var gram = Gram(term[i], term[i + 1]);
                wanted[gram] = term.Length == 2 || wanted.GetValueOrDefault(gram);
            }
        }

        // Terms of two characters are decided by their posting, and so is the one character that there is nothing else to look for by.
        var byCharacter = wanted.Count == 0;
        var found = byCharacter ? ByFirstCharacter(terms[0][0], slotsFound, scores) : ByGrams(wanted, slotsFound, scores);
        foreach (var term in terms.Skip(byCharacter ? 1 : 0))
        {
            if (term.Length != 2 && found > 0)
            {
                found = Holding(term, slotsFound, scores, found);
            }
        }

        return found;
    }

    /// <summary>
    /// When nothing holds every term: what holds at least half of the query's 2-grams and no fewer than two, so that words written together, a wrong character or one word too many still find something.
    /// One in the title counts twice. No weights by rarity: they would change while somebody turns the pages.
    /// </summary>
    private int Similar(IReadOnlyList<string> terms, int[] slotsFound, ushort[] scores)
    {
        HashSet<uint> wanted = [.. terms.SelectMany(term => Enumerable.Range(0, term.Length - 1).Select(i => Gram(term[i], term[i + 1])))];
        var least = LeastSimilar(wanted.Count);
        List<Posting> known = [.. wanted.Where(postings.ContainsKey).Select(gram => postings[gram])];
        if (known.Count < least)
        {
            return 0;
        }

        var held = ArrayPool<byte>.Shared.Rent(slotCount);
        var sums = ArrayPool<ushort>.Shared.Rent(slotCount);
        held.AsSpan(0, slotCount).Clear();
        sums.AsSpan(0, slotCount).Clear();
        foreach (var posting in known)
        {
            foreach (var value in posting.Values)
            {
                held[value >> 1]++;
                sums[value >> 1] += (ushort)(1 + (value & 1));
            }
        }

        var found = 0;
        for (var slot = 0; slot < slotCount; slot++)
        {
            if (held[slot] >= least)
            {
                slotsFound[found] = slot;
                scores[found++] = sums[slot];
            }
        }

        ArrayPool<byte>.Shared.Return(held);
        ArrayPool<ushort>.Shared.Return(sums);
        return found;
    }

    /// <summary>How many of this many 2-grams a similar text holds at least.</summary>
    internal static int LeastSimilar(int grams) => Math.Max(2, (grams + 1) / 2);

    private int ByGrams(Dictionary<uint, bool> wanted, int[] slotsFound, ushort[] scores)
    {
        var lists = new (Posting Posting, byte TitleScore)[wanted.Count];
        var at = 0;
        foreach (var (gram, isTerm) in wanted)
        {
            if (!postings.TryGetValue(gram, out var posting))
            {
                return 0;
            }

            lists[at++] = (posting, isTerm ? Document.InTitle : (byte)0);
        }

        Array.Sort(lists, static (a, b) => a.Posting.Count.CompareTo(b.Posting.Count));
        var rarest = lists[0].Posting.Values;
        var titleScore = lists[0].TitleScore;
        for (var i = 0; i < rarest.Length; i++)
        {
            slotsFound[i] = rarest[i] >> 1;
            scores[i] = (ushort)((rarest[i] & 1) * titleScore);
        }

        var found = rarest.Length;
        for (var i = 1; i < lists.Length && found > 0; i++)
        {
            found = lists[i].Posting.Intersect(slotsFound.AsSpan(0, found), scores.AsSpan(0, found), lists[i].TitleScore);
        }

        return found;
    }

    /// <summary>Every character of a text begins a gram (the last one of a field a gram with the field's end), so one character is the union of the grams it begins.</summary>
    private int ByFirstCharacter(char first, int[] slotsFound, ushort[] scores)
    {
        if (!gramsByFirst.TryGetValue(first, out var grams))
        {
            return 0;
        }

        var words = (slotCount + 63) >> 6;
        var marks = ArrayPool<ulong>.Shared.Rent(words);
        var titles = ArrayPool<ulong>.Shared.Rent(words);
        marks.AsSpan(0, words).Clear();
        titles.AsSpan(0, words).Clear();
        foreach (var gram in grams)
        {
            foreach (var value in postings[gram].Values)
            {
                var bit = 1UL << ((value >> 1) & 63);
                marks[value >> 7] |= bit;
                titles[value >> 7] |= (value & 1) == 0 ? 0 : bit;
            }
        }

        var found = 0;
        for (var word = 0; word < words; word++)
        {
            for (var rest = marks[word]; rest != 0; rest &= rest - 1)
            {
                var bit = System.Numerics.BitOperations.TrailingZeroCount(rest);
                slotsFound[found] = (word << 6) + bit;
                scores[found++] = (ushort)(((titles[word] >> bit) & 1) * Document.InTitle);
            }
        }

        ArrayPool<ulong>.Shared.Return(marks);
        ArrayPool<ulong>.Shared.Return(titles);
        return found;
    }

    private int Holding(string term, int[] slotsFound, ushort[] scores, int found)
    {
        var kept = 0;
        for (var i = 0; i < found; i++)
        {
            var document = documents[slotsFound[i]]!;
            var at = term.Length == 1 ? document.Text.IndexOf(term[0]) : document.Text.IndexOf(term, StringComparison.Ordinal);
            if (at >= 0)
            {
                slotsFound[kept] = slotsFound[i];
                scores[kept++] = (ushort)(scores[i] + (at + term.Length <= document.TitleLength ? Document.InTitle : 0));
            }
        }

        return kept;
    }

    /// <summary>
    /// Applies the filters and counts the facets in one pass. A facet's own filter does not narrow its counts, so a reader sees what the other choices would give:
    /// an entry that fails one filter still counts for that filter's facet.
    /// </summary>
    private SearchPage Page(SearchRequest request, View view, Span<int> candidates, Span<ushort> scores)
    {
        int[][] counts = [.. facets.Select(facet => new int[facet.Count])];
        var hits = candidates.Length;
        if (request.Filters.Count > 0)
        {
            var masks = Masks(request);
            hits = 0;
            for (var i = 0; i < candidates.Length; i++)
            {
                var slot = candidates[i];
                switch (Failures(slot, masks, out var failed))
                {
                    case 0:
                        candidates[hits] = slot;
                        scores[hits++] = scores[i];
                        break;
                    case 1:
                        counts[failed][facetCodes[(slot * FacetTotal) + failed]]++;
                        break;
                }
            }
        }

        CountFacets(candidates[..hits], counts);
        var items = request.Sort is not SearchSort.Relevance || request.Terms.Count == 0
            ? InOrder(request, view, candidates[..hits], out var next)
            : ByRelevance(request, candidates[..hits], scores[..hits], out next);
        return new SearchPage(hits, items, Shown(counts, request.FacetValues), next);
    }

    private (int Facet, bool[] Allowed)[] Masks(SearchRequest request) =>
        [.. request.Filters.Select(filter => ((int)filter.Key, facets[(int)filter.Key].Mask(filter.Value)))];

    /// <summary>How many facets' filters the entry fails, and the last of them.</summary>
    private int Failures(int slot, ReadOnlySpan<(int Facet, bool[] Allowed)> masks, out int failed)
    {
        var failures = 0;
        failed = -1;
        foreach (var (facet, allowed) in masks)
        {
            if (!allowed[facetCodes[(slot * FacetTotal) + facet]])
            {
                failed = facet;
                failures++;
            }
        }

        return failures;
    }

    private void CountFacets(ReadOnlySpan<int> hits, int[][] counts)
    {
        for (var facet = 0; facet < FacetTotal; facet++)
        {
            var codes = facetCodes.AsSpan(facet);
            var mine = counts[facet];
            foreach (var slot in hits)
            {
                mine[codes[slot * FacetTotal]]++;
            }
        }
    }

    private List<IndexedEntry> InOrder(SearchRequest request, View view, Span<int> hits, out PagePlace? next)
    {
        var words = (slotCount + 63) >> 6;
        var marks = ArrayPool<ulong>.Shared.Rent(Math.Max(words, 1));
        marks.AsSpan(0, words).Clear();
        foreach (var slot in hits)
        {
            marks[slot >> 6] |= 1UL << (slot & 63);
        }

        var items = view.Page(request, hits.Length, static (marks, slot) => (marks[slot >> 6] & (1UL << (slot & 63))) != 0, marks, out next);
        ArrayPool<ulong>.Shared.Return(marks);
        return items;
    }

    /// <summary>Title before description, a title that begins with the first term before the others, fresh before stale, newer before older.</summary>
    private List<IndexedEntry> ByRelevance(SearchRequest request, Span<int> hits, Span<ushort> scores, out PagePlace? next)
    {
        // The worst of the best is on top and leaves when a better one comes: one comparison for most hits.
        var wanted = request.Skip + request.Limit;
        var best = new PriorityQueue<Ranked, Ranked>(Math.Min(wanted, hits.Length) + 2, Ranked.WorstFirst);
        var after = request.After is { } place ? new Ranked(place.Score, place.ReleasedOn.DayNumber, place.Id, -1) : (Ranked?)null;
        var today = request.Today.DayNumber;
        var first = request.Terms[0];
        var more = false;
        for (var i = 0; i < hits.Length; i++)
        {
            var score = (scores[i] << 2) + (staleDays[hits[i]] > today ? 1 : 0) + (scores[i] > 0 && Begins(hits[i], first) ? 2 : 0);
            // Most hits fall short, and what was only kept beside them is not fetched.
            if (best.Count == wanted && best.Peek() is var worst && (score < worst.Score || (score == worst.Score && releasedDays[hits[i]] < worst.ReleasedDay)))
            {
                more = true;
                continue;
            }

            var document = documents[hits[i]]!;
            var ranked = new Ranked(score, document.ReleasedDay, document.Entry.Id, hits[i]);
            if (after is { } last && Ranked.WorstFirst.Compare(ranked, last) >= 0)
            {
                continue;
            }

            if (best.Count < wanted)
            {
                best.Enqueue(ranked, ranked);
            }
            else
            {
                more = true;
                best.EnqueueDequeue(ranked, ranked);
            }
        }

        var items = new IndexedEntry[best.Count];
        next = null;
        for (var i = items.Length - 1; i >= 0; i--)
        {
            var ranked = best.Dequeue();
            items[i] = documents[ranked.Slot]!.Entry;
            if (more && i == items.Length - 1)
            {
                next = new PagePlace(ranked.Score, items[i].ReleasedOn, items[i].Name, items[i].Id);
            }
        }

        return [.. items.AsSpan(Math.Min(request.Skip, items.Length))];
    }

    private bool Begins(int slot, string term) => term.Length == 1
        ? titleStarts[slot] >> 16 == term[0]
        : titleStarts[slot] == Gram(term[0], term[1]) && (term.Length == 2 || documents[slot]!.Text.StartsWith(term, StringComparison.Ordinal));

    private Dictionary<Facet, IReadOnlyList<FacetCount>> Shown(int[][] counts, int most)
    {
        var shown = new Dictionary<Facet, IReadOnlyList<FacetCount>>(FacetTotal);
        for (var facet = 0; facet < FacetTotal; facet++)
        {
            shown.Add((Facet)facet, facets[facet].Shown(counts[facet], most));
        }

        return shown;
    }

    /// <summary>Takes a slot's entry out of everything that refers to it, save the postings in <paramref name="keep"/>, which stay for the entry's next version.</summary>
    private void Leave(int slot, Dictionary<uint, bool>? keep)
    {
        var document = documents[slot]!;
        everything.Remove(slot);
        if (document.Entry.Open)
        {
            open.Remove(slot);
        }

        foreach (var gram in GramsOf(document).Keys)
        {
            if (keep is not null && keep.ContainsKey(gram))
            {
                continue;
            }

            var posting = postings[gram];
            posting.Remove(slot);
            if (posting.Count == 0)
            {
                postings.Remove(gram);
                var first = gramsByFirst[(char)(gram >> 16)];
                first.Remove(gram);
                if (first.Count == 0)
                {
                    gramsByFirst.Remove((char)(gram >> 16));
                }
            }
        }
    }

    private int TakeSlot()
    {
        if (freeSlots.TryPop(out var slot))
        {
            return slot;
        }

        if (slotCount == documents.Length)
        {
            Array.Resize(ref documents, slotCount * 2);
            Array.Resize(ref facetCodes, slotCount * 2 * FacetTotal);
            Array.Resize(ref releasedDays, slotCount * 2);
            Array.Resize(ref staleDays, slotCount * 2);
            Array.Resize(ref titleStarts, slotCount * 2);
            Array.Resize(ref openSlots, slotCount * 2);
        }

        return slotCount++;
    }

    private Posting PostingOf(uint gram)
    {
        if (!postings.TryGetValue(gram, out var posting))
        {
            postings.Add(gram, posting = new Posting());
            var first = (char)(gram >> 16);
            if (!gramsByFirst.TryGetValue(first, out var grams))
            {
                gramsByFirst.Add(first, grams = []);
            }

            grams.Add(gram);
        }

        return posting;
    }

    private static uint Gram(char first, char second) => ((uint)first << 16) | second;

    private static Dictionary<uint, bool> GramsOf(Document document)
    {
        var text = document.Text;
        var grams = new Dictionary<uint, bool>(text.Length);
        for (var i = 0; i + 1 < text.Length; i++)
        {
            if (text[i] != FoldedText.FieldEnd)
            {
                // The first place decides: the title stands first. A field's end is no character of it.
                grams.TryAdd(Gram(text[i], text[i + 1]), i + (text[i + 1] == FoldedText.FieldEnd ? 1 : 2) <= document.TitleLength);
            }
        }

        return grams;
    }

    private sealed record Document(IndexedEntry Entry, string Text, int TitleLength, byte[] NameKey)
    {
        public const byte InTitle = 2;

        public int ReleasedDay => Entry.ReleasedOn.DayNumber;

        /// <summary>The title's first 2-gram.</summary>
        public uint TitleStart => Gram(Text[0], Text[1]);

        public static Document Of(IndexedEntry entry) =>
            new(entry, FoldedText.Of(entry, out var titleLength), titleLength, KeyOf(entry.Name));

        public static byte[] KeyOf(string name) => ByPinyin.GetSortKey(name, CompareOptions.None).KeyData;
    }

    private readonly record struct Ranked(int Score, int ReleasedDay, Guid Id, int Slot)
    {
        public static readonly Comparer<Ranked> WorstFirst = Comparer<Ranked>.Create(static (a, b) =>
            a.Score != b.Score ? a.Score.CompareTo(b.Score)
            : a.ReleasedDay != b.ReleasedDay ? a.ReleasedDay.CompareTo(b.ReleasedDay)
            : a.Id.CompareTo(b.Id));
    }

    /// <summary>The values of one facet, numbered as they appear; numbers are never given back, for values are few.</summary>
    private sealed class FacetValues
    {
        private readonly Dictionary<string, int> codes = [];
        private readonly List<string> values = [];
        private readonly List<string?> labels = [];

        public int Count => values.Count;

        public int Code(string value, string? label)
        {
            if (!codes.TryGetValue(value, out var code))
            {
                codes.Add(value, code = values.Count);
                values.Add(value);
                labels.Add(label);
            }
            else if (label is not null)
            {
                labels[code] = label;
            }

            return code;
        }

        public bool[] Mask(IReadOnlyCollection<string> wanted)
        {
            var mask = new bool[values.Count];
            foreach (var value in wanted)
            {
                if (codes.TryGetValue(value, out var code))
                {
                    mask[code] = true;
                }
            }

            return mask;
        }

        public List<FacetCount> Shown(int[] counts, int most)
        {
            List<FacetCount> shown = [];
            for (var code = 0; code < counts.Length; code++)
            {
                if (counts[code] > 0)
                {
                    shown.Add(new FacetCount(values[code], labels[code], counts[code]));
                }
            }

            shown.Sort(static (a, b) => a.Count != b.Count ? b.Count.CompareTo(a.Count) : string.CompareOrdinal(a.Value, b.Value));
            return shown.Count > most ? shown[..most] : shown;
        }
    }

    /// <summary>All entries, or the open ones: kept in both orders and counted as they come and go, so that a page without a query reads only what it shows.</summary>
    private sealed class View(SearchIndex index)
    {
        private readonly int[][] facetCounts = [.. Enumerable.Range(0, FacetTotal).Select(_ => new int[8])];

        // For each value of each facet, how often each value of the other facets stands beside it.
        private readonly List<int[][]>[] beside = [.. Enumerable.Range(0, FacetTotal).Select(_ => new List<int[][]>())];
        private int[] byReleased = new int[16];
        private int[] byName = new int[16];
        private bool deferred;

        public int Count { get; private set; }

        public int[][] FacetCounts => [.. facetCounts.Select((counts, facet) => counts.AsSpan(0, Math.Min(counts.Length, index.facets[facet].Count)).ToArray())];

        /// <summary>Counts of all facets where one facet has one of the values in the mask; that facet's own counts are not narrowed by it.</summary>
        public int[][] CountsWith(Facet chosen, bool[] mask, out int total)
        {
            total = 0;
            var counts = FacetCounts;
            var own = counts[(int)chosen];
            for (var facet = 0; facet < FacetTotal; facet++)
            {
                if (facet != (int)chosen)
                {
                    counts[facet].AsSpan().Clear();
                }
            }

            for (var code = 0; code < own.Length; code++)
            {
                if (!mask[code] || own[code] == 0)
                {
                    continue;
                }

                total += own[code];
                for (var facet = 0; facet < FacetTotal; facet++)
                {
                    var row = beside[(int)chosen][code][facet];
                    for (var other = 0; other < Math.Min(row.Length, counts[facet].Length); other++)
                    {
                        counts[facet][other] += row[other];
                    }
                }
            }

            return counts;
        }

        /// <summary>While a whole index is built, entries are only appended; the end of that sorts them.</summary>
        public bool Deferred
        {
            set
            {
                deferred = value;
                if (!value)
                {
                    byReleased.AsSpan(0, Count).Sort(CompareReleased);
                    byName.AsSpan(0, Count).Sort(CompareName);
                }
            }
        }

        public void Add(int slot)
        {
            if (Count == byReleased.Length)
            {
                Array.Resize(ref byReleased, Count * 2);
                Array.Resize(ref byName, Count * 2);
            }

            Insert(byReleased, slot, CompareReleased);
            Insert(byName, slot, CompareName);
            Count++;
            Tally(slot, 1);
        }

        public void Remove(int slot)
        {
            if (deferred)
            {
                throw new InvalidOperationException("An index that is being built was given the same entry twice.");
            }

            Delete(byReleased, slot, CompareReleased);
            Delete(byName, slot, CompareName);
            Count--;
            Tally(slot, -1);
        }

        /// <summary>Walks the order from the cursor's place and takes what belongs: few steps when many belong, and <paramref name="total"/> ends it when few do.</summary>
        public List<IndexedEntry> Page<TState>(SearchRequest request, int total, Func<TState, int, bool> belongs, TState state, out PagePlace? next)
        {
            var name = request.Sort is SearchSort.Name;
            var order = (name ? byName : byReleased).AsSpan(0, Count);
            var at = 0;
            if (request.After is { } after)
            {
                var place = new PlaceKey(after.ReleasedOn.DayNumber, name ? Document.KeyOf(after.Name) : [], after.Id);
                at = FirstBehind(order, name, place);
            }

            List<IndexedEntry> items = new(Math.Min(request.Limit, total));
            var passed = 0;
            next = null;
            for (; at < order.Length; at++)
            {
                if (!belongs(state, order[at]))
                {
                    continue;
                }

                if (items.Count == request.Limit)
                {
                    var last = items[^1];
                    next = new PagePlace(0, last.ReleasedOn, last.Name, last.Id);
                    break;
                }

                if (passed < request.Skip)
                {
                    passed++;
                    continue;
                }

                items.Add(index.documents[order[at]]!.Entry);
                if (passed + items.Count == total)
                {
                    break;
                }
            }

            return items;
        }

        private int FirstBehind(ReadOnlySpan<int> order, bool name, PlaceKey place)
        {
            var low = 0;
            var high = order.Length;
            while (low < high)
            {
                var middle = (low + high) >> 1;
                var document = index.documents[order[middle]]!;
                var key = new PlaceKey(document.ReleasedDay, document.NameKey, document.Entry.Id);
                if ((name ? PlaceKey.CompareNames(key, place) : PlaceKey.CompareReleased(key, place)) <= 0)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle;
                }
            }

            return low;
        }

        private int CompareReleased(int a, int b) => PlaceKey.CompareReleased(KeyOf(a), KeyOf(b));

        private int CompareName(int a, int b) => PlaceKey.CompareNames(KeyOf(a), KeyOf(b));

        private PlaceKey KeyOf(int slot)
        {
            var document = index.documents[slot]!;
            return new PlaceKey(document.ReleasedDay, document.NameKey, document.Entry.Id);
        }

        private void Insert(int[] order, int slot, Comparison<int> comparison)
        {
            var at = deferred ? Count : FindPlace(order, slot, comparison);
            Array.Copy(order, at, order, at + 1, Count - at);
            order[at] = slot;
        }

        private void Delete(int[] order, int slot, Comparison<int> comparison)
        {
            var at = FindPlace(order, slot, comparison);
            Array.Copy(order, at + 1, order, at, Count - at - 1);
        }

        private int FindPlace(int[] order, int slot, Comparison<int> comparison)
        {
            var low = 0;
            var high = Count;
            while (low < high)
            {
                var middle = (low + high) >> 1;
                if (comparison(order[middle], slot) < 0)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle;
                }
            }

            return low;
        }

        private void Tally(int slot, int step)
        {
            var codes = index.facetCodes.AsSpan(slot * FacetTotal, FacetTotal);
            for (var facet = 0; facet < FacetTotal; facet++)
            {
                Add(ref facetCounts[facet], codes[facet], step);
                while (beside[facet].Count <= codes[facet])
                {
                    beside[facet].Add([.. Enumerable.Repeat<int[]>([], FacetTotal)]);
                }

                var rows = beside[facet][codes[facet]];
                for (var other = 0; other < FacetTotal; other++)
                {
                    if (other != facet)
                    {
                        Add(ref rows[other], codes[other], step);
                    }
                }
            }
        }

        private static void Add(ref int[] counts, int code, int step)
        {
            if (code >= counts.Length)
            {
                Array.Resize(ref counts, Math.Max(code + 1, counts.Length * 2));
            }

            counts[code] += step;
        }
    }

    /// <summary>Newest release first, or by pinyin; the id decides between equals, so that every place is one entry's own.</summary>
    private readonly record struct PlaceKey(int ReleasedDay, byte[] NameKey, Guid Id)
    {
        public static int CompareReleased(PlaceKey a, PlaceKey b) =>
            a.ReleasedDay != b.ReleasedDay ? b.ReleasedDay.CompareTo(a.ReleasedDay) : b.Id.CompareTo(a.Id);

        public static int CompareNames(PlaceKey a, PlaceKey b) =>
            a.NameKey.AsSpan().SequenceCompareTo(b.NameKey) is var order and not 0 ? order : a.Id.CompareTo(b.Id);
    }
}
