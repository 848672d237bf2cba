using System.Diagnostics;
using Exchange.Local;

namespace Exchange.Benchmarks;

/// <summary>The gateway's way to a city beside nginx's: the same read with the same token; nginx only passes it on, with keepalive upstream and without an access log.</summary>
internal static class Nginx
{
    private const string Program = "/usr/sbin/nginx";
    private const int Callers = 32;

    public static async Task RunAsync(Work work)
    {
        var (grant, _) = await work.GrantAsync();
        var token = await work.Who("integrator", "zhuzhou").TokenAsync();
        var city = work.Stack.Address("changsha");
        var direct = await Throughput.MeasureAsync(new Uri(city, $"/grants/{grant}"), token, Callers);
        var gateway = await Throughput.MeasureAsync(new Uri(work.Stack.PublicAddress, $"/api/cities/changsha/grants/{grant}"), token, Callers);
        Throughput.Report($"read of a grant through the gateway, {Callers} callers", gateway, "the city itself", direct);
        if (!File.Exists(Program))
        {
            Console.WriteLine($"  nginx is not installed ({Program}): no comparison with it.");
            return;
        }

        var folder = Directory.CreateTempSubdirectory("exchange-nginx").FullName;
        using var ports = Ports.Free();
        await File.WriteAllTextAsync(Path.Combine(folder, "nginx.conf"), $$"""
            daemon off;
            {{(Environment.UserName == "root" ? "user root;" : "")}}
            worker_processes 1;
            pid {{folder}}/pid;
            error_log {{folder}}/error.log;
            events { worker_connections 1024; }
            http {
              access_log off;
              client_body_temp_path {{folder}}/body; proxy_temp_path {{folder}}/proxy; fastcgi_temp_path {{folder}}/f; uwsgi_temp_path {{folder}}/u; scgi_temp_path {{folder}}/s;
              upstream city { server {{city.Authority}}; keepalive 64; }
              server {
                listen 127.0.0.1:{{ports.Gateway}};
                location / { proxy_pass http://city; proxy_http_version 1.1; proxy_set_header Connection ""; }
              }
            }
            """);
        using var nginx = Process.Start(new ProcessStartInfo(Program, ["-p", folder, "-e", Path.Combine(folder, "error.log"), "-c", Path.Combine(folder, "nginx.conf")]))!;
        try
        {
            while (!await Ports.AnswersAsync(ports.Gateway))
            {
                if (nginx.HasExited)
                    throw new LocalFault($"nginx does not start:\n{await File.ReadAllTextAsync(Path.Combine(folder, "error.log"))}");
                await Task.Delay(50);
            }

            var passed = await Throughput.MeasureAsync(new Uri($"http://127.0.0.1:{ports.Gateway}/grants/{grant}"), token, Callers);
            Throughput.Report($"the same read through the gateway, {Callers} callers", gateway, "nginx, which checks no token", passed);
        }
        finally
        {
            nginx.Kill(entireProcessTree: true);
            await nginx.WaitForExitAsync();
            Directory.Delete(folder, recursive: true);
        }
    }
}
