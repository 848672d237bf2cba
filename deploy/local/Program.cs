using System.Text;
using Exchange.Local;
using Exchange.Local.Check;

Console.OutputEncoding = new UTF8Encoding(false);
try
{
    return args switch
    {
        ["up", .. var options] => await Up.RunAsync(options),
        ["down", .. var options] => await Down.RunAsync(options),
        ["check", .. var options] => await CheckExchange.RunAsync(options),
        ["sweep", var folder] => await SweepAsync(folder),
        _ => Usage(),
    };
}
catch (LocalFault fault)
{
    Console.Error.WriteLine(fault.Message);
    return 1;
}

static int Usage()
{
    Console.Error.WriteLine("usage: deploy/up [--detach | --demo] | deploy/down [--wipe [--yes]] | deploy/check [--settle SECONDS] [--json] [--lang zh|en]");
    return 2;
}

static async Task<int> SweepAsync(string folder)
{
    await ThrowAway.SweepAsync(folder);
    return 0;
}
