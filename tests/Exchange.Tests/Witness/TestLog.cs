using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exchange.Audit.Log;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;
using Exchange.Tests.Audit;
using Exchange.Tests.Flow;

namespace Exchange.Tests.Witness;

/// <summary>A log of the test's own, in the trust file of a running city: it can sign what no honest log would.</summary>
internal sealed class TestLog : IDisposable
{
    private readonly Ed25519 ed25519 = Ed25519.FromSeed(RandomNumberGenerator.GetBytes(32));
    private readonly ECDsa ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly List<byte[]> leaves = [];
    private MemoryLog tree = new();
    private readonly Dictionary<long, string> notes = [];
    private readonly string file;
    private readonly byte[] before;

    public TestLog(ExchangeFixture exchange, string city)
    {
        Address = exchange.Stack.Address(city);
        file = Path.Combine(exchange.Stack.Data, "keys", city, AgreementFile.Name);
        before = File.ReadAllBytes(file);
        var agreement = JsonNode.Parse(before)!;
        agreement["logs"]!.AsArray().Add(new JsonObject
        {
            ["origin"] = Origin,
            ["year"] = 2026,
            ["keys"] = new JsonArray([.. Signers.Select(s => (JsonNode)s.VerifierKey(Origin).ToString())]),
            ["valid_from"] = "2026-01-01",
            ["valid_to"] = "2026-12-31",
        });
        Exchange.Local.Files.WriteText(file, agreement.ToJsonString());
    }

    public string Origin { get; } = $"test.example/{Guid.NewGuid():n}";

    public Uri Address { get; }

    public long Size => tree.Size;

    private INoteSigner[] Signers => [new Ed25519NoteSigner(ed25519), new EcdsaNoteSigner(ecdsa)];

    public void Grow(int leaves)
    {
        for (var i = 0; i < leaves; i++)
        {
            Append(Encoding.UTF8.GetBytes($"{Origin} {tree.Size}"));
        }
    }

    /// <summary>Another history of this log from here on: the same leaves and one of its own, under the same keys.</summary>
    public Branch Fork()
    {
        var other = new MemoryLog();
        byte[][] all = [.. leaves, RandomNumberGenerator.GetBytes(32)];
        Array.ForEach(all, other.Append);
        return new Branch(this, all, other);
    }

    /// <summary>Goes on with the history that was cosigned instead.</summary>
    public void Follow(Branch fork)
    {
        leaves.Clear();
        notes.Clear();
        tree = new MemoryLog();
        Array.ForEach(fork.Leaves, Append);
    }

    private void Append(byte[] leaf)
    {
        leaves.Add(leaf);
        tree.Append(leaf);
    }

    internal sealed record Branch(TestLog Log, byte[][] Leaves, MemoryLog Tree)
    {
        public Task<(int Status, string? Type, string Text)> AddAsync(long old) =>
            Log.AddAsync(old, Proofs.Consistency(old, Tree.Size).Select(step => Proofs.Fold(step, Tree.Hashes.Hash)), Log.Note(Tree.Size, Tree.Root));
    }

    /// <summary>One note for each size, as a log keeps it.</summary>
    public string Note() => notes.TryGetValue(tree.Size, out var note) ? note : notes[tree.Size] = Note(tree.Size, tree.Root);

    public string Note(long size, byte[] root, string? origin = null) => Exchange.Hosting.Transparency.Note.Write(new Checkpoint(origin ?? Origin, size, root).Body, origin ?? Origin, Signers);

    public IEnumerable<byte[]> Proof(long old) => Proofs.Consistency(old, tree.Size).Select(step => Proofs.Fold(step, tree.Hashes.Hash));

    public Task<(int Status, string? Type, string Text)> AddAsync(long old) => AddAsync(old, Proof(old), Note());

    public Task<(int Status, string? Type, string Text)> AddAsync(long old, IEnumerable<byte[]> proof, string note) =>
        PostAsync(string.Create(CultureInfo.InvariantCulture, $"old {old}\n{string.Concat(proof.Select(hash => Convert.ToBase64String(hash) + "\n"))}\n{note}"));

    public async Task<(int Status, string? Type, string Text)> PostAsync(string body)
    {
        using var http = new HttpClient();
        using var answer = await http.PostAsync(new Uri(Address, "/witness/add-checkpoint"), new StringContent(body, Encoding.UTF8, "text/plain"));
        return ((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType, await answer.Content.ReadAsStringAsync());
    }

    public async Task<(int Status, string Text)> LastAsync()
    {
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(Address, $"/witness/{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Origin)))}/checkpoint"));
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    public void Dispose()
    {
        Exchange.Local.Files.WriteText(file, Encoding.UTF8.GetString(before));
        ed25519.Dispose();
        ecdsa.Dispose();
    }
}
