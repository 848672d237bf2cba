using System.Net;
using System.Net.Http.Headers;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using Dapper;
using Exchange.Catalogue.Files;
using Exchange.Tests.Datasets;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using static Exchange.Tests.Datasets.PublishingCity;
using static Exchange.Tests.Files.SampleFiles;

namespace Exchange.Tests.Files;

/// <summary>A department hands in files: every version is kept, what is refused changes nothing.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class StoreFileTests(PublishingCity city)
{
    [Fact]
    public async Task A_file_and_its_next_version_are_kept_with_size_digest_time_and_person()
    {
        var (path, revision) = await PublishAsync();
        var first = (await PutAsync(path, "月报 2026.pdf", Pdf, revision)).Expect(HttpStatusCode.OK);
        Assert.Equal(("月报 2026.pdf", 1, Pdf.Length, Sha(Pdf)), (first.Body.GetProperty("name").GetString(), first.Body.GetProperty("version").GetInt32(), first.Body.GetProperty("bytes").GetInt32(), first.Body.GetProperty("sha256").GetString()));
        Assert.Equal(revision + 1, first.Revision);

        var large = LargePdf(3_000_000);
        var second = (await PutAsync(path, "月报 2026.pdf", large, first.Revision, ("Content-Digest", Digest(large)), ("Repr-Digest", "sha-512=:AA==:, " + Digest(large)))).Expect(HttpStatusCode.OK);
        var listed = (await city.SendAsync(HttpMethod.Get, path + "/files", Officer)).Expect(HttpStatusCode.OK);
        Assert.Equal(second.Revision, listed.Revision);
        Assert.Equal([(2, true, Sha(large)), (1, false, Sha(Pdf))], listed.Body.GetProperty("items").EnumerateArray().Select(f => (f.GetProperty("version").GetInt32(), f.GetProperty("newest").GetBoolean(), f.GetProperty("sha256").GetString()!)));
        Assert.All(listed.Body.GetProperty("items").EnumerateArray(), f => Assert.NotEqual("", f.GetProperty("stored_by").GetString()));

        await using var database = await city.OpenAsync();
        var id = Guid.Parse(path[10..]);
        foreach (var (stored, content) in (await database.QueryAsync<Guid>("select stored_as from service.dataset_files where dataset_id = @id order by file_version", new { id })).Zip([Pdf, large]))
        {
            var onDisk = Path.Combine(await city.FilesAsync(), stored.ToString("N"));
            Assert.Equal(content, await File.ReadAllBytesAsync(onDisk, TestContext.Current.CancellationToken));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(onDisk));
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(await city.FilesAsync()));
        Assert.Equal(2, await database.ExecuteScalarAsync<int>("select count(*)::int from service.dataset_history where dataset_id = @id and event = 'file_stored'", new { id }));
    }

    [Fact]
    public async Task What_cannot_be_taken_is_refused_and_changes_nothing()
    {
        var (path, revision) = await PublishAsync();
        (await PutAsync(path, "a.pdf", Pdf, null)).Refuses(HttpStatusCode.PreconditionRequired, "if-match-required");
        (await PutAsync(path, "a.pdf", Pdf, revision + 1)).Refuses(HttpStatusCode.PreconditionFailed, "version-changed");
        (await PutAsync(path, "a.pdf", Xlsx(), revision)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        var names = (await PutAsync(path, "a%0D%0AX-Injected%3A%201.exe", Pdf, revision, encoded: true)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        Assert.Equal(["path", "control-character", "extension"], names.Body.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("rule").GetString()));
        Assert.All(names.Body.GetProperty("errors").EnumerateArray(), e => Assert.Equal("name", e.GetProperty("field").GetString()));
        (await PutAsync(path, "..%2Fa.pdf", Pdf, revision, encoded: true)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        (await PutAsync(path, new string('a', 300) + ".pdf", Pdf, revision)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        (await PutAsync(path, "a.pdf%00", Pdf, revision, encoded: true)).Expect(HttpStatusCode.BadRequest);
        (await PutAsync(path, "a.pdf", Pdf, revision, ("Content-Digest", Digest(Xlsx())))).Refuses(HttpStatusCode.UnprocessableEntity, "digest-differs");
        (await PutAsync(path, "a.pdf", Pdf, revision, ("Content-Digest", "sha-256=:x:"), ("Repr-Digest", "sha-256=::"))).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        (await PutAsync(path, "a.pdf", LargePdf(LargestFile + 1), revision)).Refuses(HttpStatusCode.RequestEntityTooLarge, "file-too-large");
        (await PutAsync(path, "a.pdf", LargePdf(LargestFile + 1), revision, chunked: true)).Refuses(HttpStatusCode.RequestEntityTooLarge, "file-too-large");
        (await city.SendAsync(HttpMethod.Put, path + "/files/a.pdf", OtherOfficer, Content(Pdf), revision)).Refuses(HttpStatusCode.Forbidden, "foreign-department");
        (await city.SendAsync(HttpMethod.Put, path + "/files/a.pdf", Head, Content(Pdf), revision)).Refuses(HttpStatusCode.Forbidden, "role-missing");
        (await city.SendAsync(HttpMethod.Get, path + "/files", OtherOfficer)).Refuses(HttpStatusCode.NotFound, "not-found");

        var listed = (await city.SendAsync(HttpMethod.Get, path + "/files", Officer)).Expect(HttpStatusCode.OK);
        Assert.Equal((revision, 0), (listed.Revision, listed.Body.GetProperty("items").GetArrayLength()));
    }

    [Fact]
    public async Task Only_published_entries_of_a_format_that_can_be_checked_hold_files()
    {
        var (path, revision) = await city.DraftAsync(Fresh() with { Format = "document/pdf", SharingMethod = "file" });
        (await PutAsync(path, "a.pdf", Pdf, revision)).Refuses(HttpStatusCode.Conflict, "not-published");
        (path, revision) = await city.PublishAsync(Fresh());
        (await PutAsync(path, "a.pdf", Pdf, revision)).Refuses(HttpStatusCode.Conflict, "no-file");
        (path, revision) = await PublishAsync("document/html");
        (await PutAsync(path, "a.html", Utf8("<html>"), revision)).Refuses(HttpStatusCode.Conflict, "format-not-taken");
    }

    [Fact]
    public async Task Of_two_uploads_at_once_one_becomes_the_version_and_the_other_leaves_nothing()
    {
        var (path, revision) = await PublishAsync();
        var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(i => PutAsync(path, "a.pdf", LargePdf(500_000, i), revision)));
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.PreconditionFailed], both.Select(a => a.Status).Order());
        await using var database = await city.OpenAsync();
        var kept = Assert.Single(await database.QueryAsync<string>("select sha256 from service.dataset_files where dataset_id = @id", new { id = Guid.Parse(path[10..]) }));
        Assert.Equal(both.Single(a => a.Status == HttpStatusCode.OK).Body.GetProperty("sha256").GetString(), kept);
    }

    [Fact]
    public async Task Removed_versions_are_gone_and_their_numbers_are_not_given_again()
    {
        var (path, revision) = await PublishAsync();
        revision = (await PutAsync(path, "a.pdf", Pdf, revision)).Expect(HttpStatusCode.OK).Revision;
        revision = (await PutAsync(path, "a.pdf", LargePdf(1000), revision)).Expect(HttpStatusCode.OK).Revision;
        (await city.SendAsync(HttpMethod.Delete, path + "/files/b.pdf", Officer, null, revision)).Refuses(HttpStatusCode.NotFound, "not-found");
        (await city.SendAsync(HttpMethod.Delete, path + "/files/a.pdf?version=7", Officer, null, revision)).Refuses(HttpStatusCode.NotFound, "not-found");
        (await city.SendAsync(HttpMethod.Delete, path + "/files/a.pdf", OtherOfficer, null, revision)).Refuses(HttpStatusCode.Forbidden, "foreign-department");
        var left = (await city.SendAsync(HttpMethod.Delete, path + "/files/a.pdf?version=2", Officer, null, revision)).Expect(HttpStatusCode.OK);
        Assert.Equal([1], left.Body.GetProperty("items").EnumerateArray().Select(f => f.GetProperty("version").GetInt32()));
        left = (await city.SendAsync(HttpMethod.Delete, path + "/files/a.pdf", Officer, null, left.Revision)).Expect(HttpStatusCode.OK);
        Assert.Equal(0, left.Body.GetProperty("items").GetArrayLength());
        Assert.Equal(3, (await PutAsync(path, "a.pdf", Pdf, left.Revision)).Expect(HttpStatusCode.OK).Body.GetProperty("version").GetInt32());
    }

    [Fact]
    public async Task What_a_crash_or_a_removal_left_on_the_disk_is_swept_and_nothing_else()
    {
        var (path, revision) = await PublishAsync();
        revision = (await PutAsync(path, "kept.pdf", Pdf, revision)).Expect(HttpStatusCode.OK).Revision;
        revision = (await PutAsync(path, "removed.pdf", Pdf, revision)).Expect(HttpStatusCode.OK).Revision;
        (await city.SendAsync(HttpMethod.Delete, path + "/files/removed.pdf", Officer, null, revision)).Expect(HttpStatusCode.OK);
        await using var database = await city.OpenAsync();
        var id = Guid.Parse(path[10..]);
        var stored = (await database.QueryAsync<(string Name, Guid StoredAs)>("select name, stored_as from service.dataset_files where dataset_id = @id", new { id })).ToDictionary(f => f.Name, f => PathOf(f.StoredAs.ToString("N")));

        // A folder of the test's own with the same names: the city's holds what other tests are sending.
        var own = Directory.CreateTempSubdirectory("exchange-sweep-").FullName;
        try
        {
            string[] gone = [In(stored["removed.pdf"]), In(PathOf(Guid.NewGuid().ToString("N"))), In(PathOf(Guid.NewGuid().ToString("N") + ".new"))];
            string[] stays = [In(stored["kept.pdf"]), In("README")];
            foreach (var file in gone.Concat(stays))
            {
                await File.WriteAllTextAsync(file, "x", TestContext.Current.CancellationToken);
                File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddHours(-2));
            }

            var young = In(PathOf(Guid.NewGuid().ToString("N") + ".new"));
            await File.WriteAllTextAsync(young, "x", TestContext.Current.CancellationToken);
            await using var parts = await city.PartsAsync();
            using var sweep = new SweepFiles(parts.Database, new FileStore(new FileSettings { Files = own }), NullLogger<SweepFiles>.Instance);
            await sweep.SweepAsync(TimeSpan.FromHours(1), TestContext.Current.CancellationToken);
            Assert.Equal(stays.Append(young).Order(StringComparer.Ordinal), Directory.GetFiles(own).Order(StringComparer.Ordinal));
        }
        finally
        {
            Directory.Delete(own, recursive: true);
        }

        string In(string file) => Path.Combine(own, Path.GetFileName(file));

        static string PathOf(string name) => name;
    }

    private Task<(string Path, int Revision)> PublishAsync(string format = "document/pdf") => city.PublishAsync(Fresh() with { Format = format, SharingMethod = "file" });

    private Task<Answer> PutAsync(string path, string name, byte[] content, int? revision, params (string Name, string Value)[] headers) => PutAsync(path, name, content, revision, false, false, headers);

    private Task<Answer> PutAsync(string path, string name, byte[] content, int? revision, bool encoded = false, bool chunked = false, params (string Name, string Value)[] headers) =>
        city.SendAsync(HttpMethod.Put, $"{path}/files/{(encoded ? name : Uri.EscapeDataString(name))}", Officer, chunked ? new Chunked(content) : Content(content), revision, "zh", headers);

    private static ByteArrayContent Content(byte[] bytes) => new(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } };

    private static string Sha(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    private static string Digest(byte[] content) => $"sha-256=:{Convert.ToBase64String(SHA256.HashData(content))}:";
}
