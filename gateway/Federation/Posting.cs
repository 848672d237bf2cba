namespace Exchange.Gateway.Federation;

/// <summary>The slots whose text holds one 2-gram, ascending; the lowest bit of a value says that the gram stands in the title.</summary>
internal sealed class Posting
{
    private int[] values = new int[2];

    public int Count { get; private set; }

    public ReadOnlySpan<int> Values => values.AsSpan(0, Count);

    public void Set(int slot, bool inTitle)
    {
        var value = Value(slot, inTitle);
        var at = Count == 0 || values[Count - 1] < (slot << 1) ? Count : Find(slot);
        if (at < Count && values[at] >> 1 == slot)
        {
            values[at] = value;
            return;
        }

        if (Count == values.Length)
        {
            Array.Resize(ref values, Count + (Count >> 1) + 1);
        }

        Array.Copy(values, at, values, at + 1, Count - at);
        values[at] = value;
        Count++;
    }

    /// <summary>Gives back the room that growing left.</summary>
    public void Trim() => Array.Resize(ref values, Count);

    public void Remove(int slot)
    {
        var at = Find(slot);
        if (at < Count && values[at] >> 1 == slot)
        {
            Count--;
            Array.Copy(values, at + 1, values, at, Count - at);
        }
    }

    /// <summary>
    /// Keeps the candidates that are in this posting; returns how many stay. Where the gram is a whole term of the query, a place in the title adds to the score.
    /// Both sides ascend, so a rare candidate list jumps through a long posting.
    /// </summary>
    public int Intersect(Span<int> slots, Span<ushort> scores, byte titleScore)
    {
        var mine = Values;
        var kept = 0;
        var at = 0;
        for (var i = 0; i < slots.Length && at < mine.Length; i++)
        {
            var wanted = slots[i] << 1;
            var step = 1;
            var low = at;
            while (low + step < mine.Length && mine[low + step] < wanted)
            {
                low += step;
                step <<= 1;
            }

            var high = Math.Min(low + step, mine.Length - 1);
            while (low < high)
            {
                var middle = (low + high) >> 1;
                if (mine[middle] < wanted)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle;
                }
            }

            at = low;
            if (mine[at] >> 1 == slots[i])
            {
                slots[kept] = slots[i];
                scores[kept++] = (ushort)(scores[i] + ((mine[at] & 1) * titleScore));
            }
        }

        return kept;
    }

    private static int Value(int slot, bool inTitle) => (slot << 1) | (inTitle ? 1 : 0);

    private int Find(int slot)
    {
        var found = Values.BinarySearch(slot << 1);
        return found < 0 ? ~found : found;
    }
}
