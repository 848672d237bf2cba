using System.Net;
using System.Text.Json;
using Exchange.Gateway.Harvest;
using Exchange.Hosting;
using Microsoft.Extensions.Configuration;

namespace Exchange.Tests.Harvest;

public sealed class SourceTests
{
    [Theory]
    [InlineData("8.8.8.8", true)]
    [InlineData("2400:3200::1", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("::1", false)]
    [InlineData("10.1.2.3", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("192.168.0.1", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("100.100.100.200", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fd00::1", false)]
    [InlineData("::ffff:10.1.2.3", false)]
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("2002:7f00:1::", false)]
    [InlineData("::127.0.0.1", false)]
    public void Private_addresses_are_not_connected_to(string address, bool allowed) => Assert.Equal(allowed, OutsideAddress.IsAllowed(IPAddress.Parse(address), []));

    [Fact]
    public void A_source_may_stand_in_a_network_that_its_settings_allow_and_in_no_other()
    {
        Assert.True(OutsideAddress.IsAllowed(IPAddress.Parse("10.20.1.1"), ["10.20.0.0/16"]));
        Assert.False(OutsideAddress.IsAllowed(IPAddress.Parse("10.21.1.1"), ["10.20.0.0/16"]));
        // The machine's cloud is nobody's source.
        Assert.False(OutsideAddress.IsAllowed(IPAddress.Parse("169.254.169.254"), ["0.0.0.0/0"]));
    }

    [Fact]
    public void All_faults_of_all_files_are_told_at_once()
    {
        var folder = Directory.CreateTempSubdirectory("sources");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "a.json"), """
                {"source":"changsha","name":"甲","name_en":"A","kind":"ckan","address":"ftp://example.org","department":{"code":"1","name":"局"},"themes":{"x":"Z9999"},
                 "defaults":{"sharing_type":"refused","grade":7,"update_frequency":"hourly"},"largest_removal":2,"allow":["everywhere"],"every":"00:00:00"}
                """);
            File.WriteAllText(Path.Combine(folder.FullName, "b.json"), """{"source":"b1","colour":"red"}""");
            File.WriteAllText(Path.Combine(folder.FullName, "c.json"), """{"source":"C","name":"丙","name_en":"C","address":"https://example.org/data.json"}""");
            var reader = new SettingsReader(new ConfigurationBuilder().Build());
            Source.ReadFolder(folder.FullName, ["changsha"], reader);
            var told = Assert.Throws<InvalidSettingsException>(reader.ThrowOnFaults).Faults;
            foreach (var part in (string[])["a.json: source: changsha is a city", "a.json: address", "a.json: department 1", "a.json: theme Z9999", "a.json: defaults.sharing_type", "a.json: defaults.grade", "a.json: defaults.update_frequency", "a.json: largest_removal", "a.json: allow", "a.json: every", "b.json", "colour", "c.json: source", "c.json: kind", "c.json: department"])
            {
                Assert.Contains(told, fault => fault.Contains(part, StringComparison.Ordinal));
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_source_that_fails_is_left_alone_longer_each_time()
    {
        var source = new Source { Every = TimeSpan.FromMinutes(3) };
        Assert.Equal([30, 60, 120, 180, 180], Enumerable.Range(0, 5).Select(failures => HarvestRun.BackOff(source, failures, null).TotalSeconds));
        Assert.Equal(TimeSpan.FromHours(2), HarvestRun.BackOff(source, 0, TimeSpan.FromHours(2)));
        Assert.Equal(TimeSpan.FromDays(1), HarvestRun.BackOff(source, 0, TimeSpan.FromDays(900)));
    }

    [Fact]
    public void An_entry_keeps_its_id_over_runs_and_databases()
    {
        Assert.Equal(Guid.Parse("00000000-0000-8000-8000-000000000000"), Mask(MapEntry.IdOf("portal", "e1")));
        Assert.Equal(MapEntry.IdOf("portal", "e1"), MapEntry.IdOf("portal", "e1"));
        Assert.NotEqual(MapEntry.IdOf("portal", "e1"), MapEntry.IdOf("portal2", "e1"));

        static Guid Mask(Guid id)
        {
            var bytes = id.ToByteArray(bigEndian: true);
            return new Guid([.. bytes.Select((b, i) => i == 6 ? (byte)(b & 0xF0) : i == 8 ? (byte)(b & 0xC0) : (byte)0)], bigEndian: true);
        }
    }

    [Theory]
    [InlineData("http://publications.europa.eu/resource/authority/frequency/MONTHLY", "monthly")]
    [InlineData("R/P1Y", "annual")]
    [InlineData("R/PT1S", "realtime")]
    [InlineData("每季度", "quarterly")]
    [InlineData("when it rains", null)]
    public void Update_cycles_of_other_vocabularies_are_known(string written, string? word) => Assert.Equal(word, ReadWords.Frequency(written));

    [Theory]
    [InlineData("CSV", "csv")]
    [InlineData(".xlsx", "xlsx")]
    [InlineData("application/vnd.ms-excel", "xls")]
    [InlineData("http://publications.europa.eu/resource/authority/file-type/JSON", "json")]
    [InlineData("<b>", null)]
    public void Formats_are_known_by_whatever_name(string written, string? extension) => Assert.Equal(extension, ReadWords.Extension(written));

    [Fact]
    public void Turtle_is_read_as_the_recommendation_writes_it()
    {
        var graph = TurtleReader.Read("""""
            @base <http://one.example/> .
            @prefix : <http://two.example/#> .
            prefix ex: <sub/>
            <a> :p "plain", 'single', "esc\t\"\u4e2d\U0001F600", '''three ' '' lines
            '''@zh-CN , "typed"^^ex:date ; a ex:Type ; ; :n 1, -2.5, +3e4, .5, true .
            :b\~c :p ex:d.e , _:x.y , (<l1> [ :q <l2> ] "l3") .
            [ :p "anonymous" ] . # comment
            _:x.y :p """"quotes" and more"""" .
            """"", new Uri("http://zero.example/doc"));
        Assert.Equal(["plain", "single", "esc\t\"中😀", "three ' '' lines\n", "typed"], Values("http://one.example/a", "p"));
        Assert.Equal("zh-CN", graph.All("http://one.example/a", "http://two.example/#p").ElementAt(3).Language);
        Assert.True(graph.Is("http://one.example/a", "http://one.example/sub/Type"));
        Assert.Equal(["1", "-2.5", "+3e4", ".5", "true"], Values("http://one.example/a", "n"));
        var objects = graph.All("http://two.example/#b~c", "http://two.example/#p").ToList();
        Assert.Equal(["http://one.example/sub/d.e", "_:x.y"], objects.Take(2).Select(node => node.Value));
        Assert.Equal(3, graph.All(objects[2].Value, Graph.Prefixes["rdf"] + "first").Count());
        Assert.Contains(graph.Subjects, subject => Values(subject, "p").SequenceEqual(["anonymous"]));
        Assert.Equal(["\"quotes\" and more\""], Values("_:x.y", "p"));

        IEnumerable<string> Values(string subject, string local) => graph.All(subject, $"http://two.example/#{local}").Select(node => node.Value);
    }

    [Theory]
    [InlineData("<a> <b> <c>")]
    [InlineData("<a> <b> .")]
    [InlineData("<a> x:b <c> .")]
    [InlineData("<a> <b> \"x\ny\" .")]
    [InlineData("<a> <b> \"\\uD800\" .")]
    [InlineData("<a> <b> <c d> .")]
    [InlineData("<a> <b> [ <c> <d> .")]
    [InlineData("@prefix x <y> .")]
    [InlineData("{\"a\":1}")]
    [InlineData("<a> <b> +e .x")]
    public void What_is_no_Turtle_is_refused(string text) =>
        Assert.Equal("not-turtle", Assert.Throws<RunRefusedException>(() => TurtleReader.Read(text, new Uri("http://a.example/"))).Rule);

    [Theory]
    [InlineData("""[{"@id":"http://a.example/d","@type":["http://www.w3.org/ns/dcat#Dataset"],"http://purl.org/dc/terms/title":[{"@value":"题名"}]}]""")]
    [InlineData("""{"@context":"https://contexts.example/dcat.jsonld","@id":"d","@type":"Dataset","title":"题名"}""")]
    [InlineData("""{"@context":["https://contexts.example/",{"@vocab":"http://www.w3.org/ns/dcat#","id":"@id","type":"@type","t":"dct:title"}],"id":"d","type":"Dataset","t":{"@set":["题名"]}}""")]
    [InlineData("""{"@context":{"@base":"http://a.example/","D":{"@id":"dcat:Dataset"}},"@graph":[{"@id":"d","@type":"D","dct:title":"题名"}]}""")]
    public void JSON_LD_says_the_same_in_many_shapes(string text)
    {
        using var document = JsonDocument.Parse(text);
        var graph = JsonLdReader.Read(document.RootElement, new Uri("http://a.example/catalog"));
        Assert.True(graph.Is("http://a.example/d", "http://www.w3.org/ns/dcat#Dataset"));
        Assert.Equal(["题名"], graph.All("http://a.example/d", "http://purl.org/dc/terms/title").Select(node => node.Value));
    }
}
