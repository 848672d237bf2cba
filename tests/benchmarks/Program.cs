using System.Text;
using Exchange.Benchmarks;
using Exchange.Local;

Console.OutputEncoding = new UTF8Encoding(false);
if (args is ["baseline", var port, var file])
{
    await Baseline.ServeAsync(int.Parse(port, System.Globalization.CultureInfo.InvariantCulture), file);
    return 0;
}

Console.WriteLine("Starting a stack of its own (free ports, fsync on, a folder that is thrown away) …");
await using var stack = await Stack.StartAsync(new StackOptions { Environment = "Test", Say = text => Console.WriteLine($"  {text}") });
using var work = new Work(stack);
await Freshness.RunAsync(work);
await Throughput.RunAsync(work);
return 0;
