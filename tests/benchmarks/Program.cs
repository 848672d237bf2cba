using System.Globalization;
using System.Text;
using Exchange.Benchmarks;
using Exchange.Local;

Console.OutputEncoding = new UTF8Encoding(false);
switch (args)
{
    case ["baseline", var file, var port]:
        await Baseline.ServeAsync(file, int.Parse(port, CultureInfo.InvariantCulture));
        return 0;
    case ["rows", var connection, var sql, var port]:
        await Baseline.ServeRowsAsync(connection, sql, int.Parse(port, CultureInfo.InvariantCulture));
        return 0;
}

Dictionary<string, Func<Work, Task>> all = new(StringComparer.Ordinal)
{
    ["freshness"] = Freshness.RunAsync,
    ["throughput"] = Throughput.RunAsync,
    ["deliveries"] = Deliveries.RunAsync,
    ["rows"] = Rows.RunAsync,
    ["file"] = LargeFile.RunAsync,
    ["revocation"] = Revocation.RunAsync,
    ["nginx"] = Nginx.RunAsync,
    ["outbox"] = Outbox.RunAsync,
    ["append"] = Append.RunAsync,
    ["wholelog"] = WholeLog.RunAsync,
    ["search"] = Search.RunAsync,
};
if (args.FirstOrDefault(a => !all.ContainsKey(a) && a != Catalogue.Name) is { } unknown)
{
    Console.Error.WriteLine($"No measurement is named {unknown}; there are: {string.Join(", ", all.Keys.Append(Catalogue.Name))}. Without a name all are made.");
    return 2;
}

// By itself first: it has a gateway of its own, and the others' services would only take its processor.
if (args.Length == 0 || args.Contains(Catalogue.Name))
    await MeasureAsync(Catalogue.Name, Catalogue.RunAsync);
var chosen = all.Where(m => args.Length == 0 || args.Contains(m.Key)).ToList();
if (chosen.Count == 0)
    return 0;
Console.WriteLine("Starting a stack of its own (free ports, fsync on, a folder that is thrown away) …");
await using var stack = await Stack.StartAsync(new StackOptions
{
    Environment = "Test",
    Say = text => Console.WriteLine($"  {text}"),
    // As in production: what short-lived test processes leave out, compiling again for speed, is what is measured here.
    Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["DOTNET_TC_CallCounting"] = "1", ["Quotas__GrantCalls"] = "0", ["Quotas__DepartmentCalls"] = "0" },
});
using var work = new Work(stack);
foreach (var (name, measure) in chosen)
    await MeasureAsync(name, () => measure(work));
return 0;

static async Task MeasureAsync(string name, Func<Task> measure)
{
    Console.WriteLine($"— {name}; load of the machine before: {(await File.ReadAllTextAsync("/proc/loadavg")).Split(' ')[0]}");
    await measure();
}
