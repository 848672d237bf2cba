using System.Diagnostics;
using Exchange.Local;

namespace Exchange.Benchmarks;

/// <summary>The gateway's way to a city beside nginx's: the same read with the same token; nginx only passes it on, with keepalive upstream and without an access log.</summary>
internal sealed class Nginx : IAsyncDisposable
{
    private const string Program = "/usr/sbin/nginx";
    private const int Callers = 32;

    private readonly Process process;
    private readonly string folder;

    private Nginx(Process process, string folder, Uri address) => (this.process, this.folder, Address) = (process, folder, address);

    public Uri Address { get; }

    public static async Task RunAsync(Work work)
    {
        var (grant, _) = await work.GrantAsync();
        var token = await work.Who("integrator", "zhuzhou").TokenAsync();
        var city = work.Stack.Address("changsha");
        var direct = await Throughput.MeasureAsync(new Uri(city, $"/grants/{grant}"), token, Callers);
        var gateway = await Throughput.MeasureAsync(new Uri(work.Stack.PublicAddress, $"/api/cities/changsha/grants/{grant}"), token, Callers);
        Throughput.Report($"read of a grant through the gateway, {Callers} callers", gateway, "the city itself", direct);
        await using var nginx = await StartAsync(city);
        if (nginx is not null)
        {
            var passed = await Throughput.MeasureAsync(new Uri(nginx.Address, $"/grants/{grant}"), token, Callers);
            Throughput.Report($"the same read through the gateway, {Callers} callers", gateway, "nginx, which checks no token", passed);
        }
    }

    /// <summary>In the gateway's place before one city; null, and said so, where nginx is not installed.</summary>
    public static async Task<Nginx?> StartAsync(Uri city)
    {
        if (!File.Exists(Program))
        {
            Console.WriteLine($"  nginx is not installed ({Program}): no comparison with it.");
            return null;
        }

        var place = Directory.CreateTempSubdirectory("exchange-nginx").FullName;
        using var ports = Ports.Free();
        await File.WriteAllTextAsync(Path.Combine(place, "nginx.conf"), $$"""
            daemon off;
            {{(Environment.UserName == "root" ? "user root;" : "")}}
            worker_processes 1;
            pid {{place}}/pid;
            error_log {{place}}/error.log;
            events { worker_connections 1024; }
            http {
              access_log off;
              client_body_temp_path {{place}}/body; proxy_temp_path {{place}}/proxy; fastcgi_temp_path {{place}}/f; uwsgi_temp_path {{place}}/u; scgi_temp_path {{place}}/s;
              upstream city { server {{city.Authority}}; keepalive 64; }
              server {
                listen 127.0.0.1:{{ports.Gateway}};
                location / { proxy_pass http://city; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0; }
              }
            }
            """);
        var started = Process.Start(new ProcessStartInfo(Program, ["-p", place, "-e", Path.Combine(place, "error.log"), "-c", Path.Combine(place, "nginx.conf")]))!;
        var nginx = new Nginx(started, place, new Uri($"http://127.0.0.1:{ports.Gateway}"));
        while (!await Ports.AnswersAsync(ports.Gateway))
        {
            if (started.HasExited)
                throw new LocalFault($"nginx does not start:\n{await File.ReadAllTextAsync(Path.Combine(place, "error.log"))}");
            await Task.Delay(50);
        }

        return nginx;
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
