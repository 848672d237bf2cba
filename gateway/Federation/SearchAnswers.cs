using Microsoft.Extensions.Caching.Memory;

namespace Exchange.Gateway.Federation;

/// <summary>
/// Answers as they were written, for as long as nothing in the catalogue changes: what many ask (the first page, a broad word) is counted once and not for each of them.
/// An answer belongs to one state of one index, so none is ever older than what a search would find.
/// </summary>
internal sealed class SearchAnswers : IDisposable
{
    private const long Room = 64L << 20;

    private readonly MemoryCache answers = new(new MemoryCacheOptions { SizeLimit = Room });

    /// <param name="index">What is searched.</param>
    /// <param name="question">All that the answer depends on beside the catalogue.</param>
    /// <param name="search">Finds and writes the answer.</param>
    public ReadOnlyMemory<byte> Get(SearchIndex index, string question, Func<ReadOnlyMemory<byte>> search)
    {
        // Taken before the search: should the catalogue change meanwhile, the answer is filed under a state that nobody asks for any more.
        var key = (index.State, question);
        if (answers.TryGetValue(key, out ReadOnlyMemory<byte> known))
        {
            return known;
        }

        var answer = search();
        return answers.Set(key, answer, new MemoryCacheEntryOptions { Size = answer.Length + (question.Length * sizeof(char)), SlidingExpiration = TimeSpan.FromMinutes(1) });
    }

    public void Dispose() => answers.Dispose();
}
