using System.Diagnostics;
using System.Globalization;
using Exchange.Local;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Exchange.Benchmarks;

/// <summary>Bare Kestrel in a process of its own that answers with given bytes: what this machine can do at most.</summary>
internal sealed class Baseline : IAsyncDisposable
{
    private readonly Process process;
    private readonly string file;

    private Baseline(Process process, string file, Uri address)
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
        using var ports = Ports.Free();
        var port = ports.Gateway;
        var kestrel = Process.Start(new ProcessStartInfo("dotnet", [typeof(Baseline).Assembly.Location, "baseline", port.ToString(CultureInfo.InvariantCulture), bytes]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        await kestrel.StandardOutput.ReadLineAsync();
        return new Baseline(kestrel, bytes, new Uri($"http://127.0.0.1:{port}"));
    }

    public static async Task ServeAsync(int port, string file)
    {
        var answer = await File.ReadAllBytesAsync(file);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        await using var app = builder.Build();
        app.MapGet("/", context =>
        {
            context.Response.ContentType = "application/json";
            context.Response.ContentLength = answer.Length;
            return context.Response.Body.WriteAsync(answer, context.RequestAborted).AsTask();
        });
        app.Lifetime.ApplicationStarted.Register(() => Console.WriteLine("ready"));
        await app.RunAsync();
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        File.Delete(file);
    }
}
