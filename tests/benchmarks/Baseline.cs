using System.Diagnostics;
using System.Globalization;
using CsvHelper;
using Exchange.Local;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exchange.Benchmarks;

/// <summary>Bare Kestrel in a process of its own that answers with given bytes: or, with rows, what Npgsql reads: what this machine can do at most.</summary>
internal sealed class Baseline : IAsyncDisposable
{
    private readonly Process process;
    private readonly string? file;

    private Baseline(Process process, string? file, Uri address)
    {
        this.process = process;
        this.file = file;
        Address = address;
    }

    public Uri Address { get; }

    public static async Task<Baseline> StartAsync(byte[] answer)
    {
        var bytes = Path.GetTempFileName();
        await File.WriteAllBytesAsync(bytes, answer);
        return await StartAsync(bytes, ["baseline", bytes]);
    }

    /// <summary>Answers with the rows of a statement as CSV.</summary>
    public static Task<Baseline> StartRowsAsync(string connection, string sql) => StartAsync(null, ["rows", connection, sql]);

    private static async Task<Baseline> StartAsync(string? file, string[] arguments)
    {
        using var ports = Ports.Free();
        var port = ports.Gateway;
        var kestrel = Process.Start(new ProcessStartInfo("dotnet", [typeof(Baseline).Assembly.Location, .. arguments, port.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        await kestrel.StandardOutput.ReadLineAsync();
        return new Baseline(kestrel, file, new Uri($"http://127.0.0.1:{port}"));
    }

    public static async Task ServeAsync(string file, int port)
    {
        var answer = await File.ReadAllBytesAsync(file);
        await ServeAsync(port, context =>
        {
            context.Response.ContentType = "application/json";
            context.Response.ContentLength = answer.Length;
            return context.Response.Body.WriteAsync(answer, context.RequestAborted).AsTask();
        });
    }

    public static async Task ServeRowsAsync(string connection, string sql, int port)
    {
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connection) { MaxAutoPrepare = 10, MaxPoolSize = 32 });
        await ServeAsync(port, async context =>
        {
            context.Response.ContentType = "text/csv; charset=utf-8";
            await using var command = source.CreateCommand(sql);
            await using var rows = await command.ExecuteReaderAsync(context.RequestAborted);
            await using var csv = CsvWriter.Create(context.Response.Body, CsvWriterOptions.Default, leaveOpen: true);
            while (await rows.ReadAsync(context.RequestAborted))
            {
                for (var i = 0; i < rows.FieldCount; i++)
                    csv.WriteField(Convert.ToString(rows.GetValue(i), CultureInfo.InvariantCulture));
                await csv.EndRecordAsync(context.RequestAborted);
            }

            await csv.FlushAsync(context.RequestAborted);
        });
    }

    private static async Task ServeAsync(int port, RequestDelegate answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        await using var app = builder.Build();
        app.MapFallback(answer);
        app.Lifetime.ApplicationStarted.Register(() => Console.WriteLine("ready"));
        await app.RunAsync();
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        if (file is not null)
            File.Delete(file);
    }
}
