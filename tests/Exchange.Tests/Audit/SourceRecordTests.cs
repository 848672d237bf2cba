using System.Text;
using System.Text.Json.Nodes;
using Exchange.Audit.Recording;
using Exchange.Contracts;

namespace Exchange.Tests.Audit;

public sealed class SourceRecordTests
{
    private readonly TestSource changsha = new("changsha");

    [Fact]
    public void A_leaf_holds_the_source_s_bytes_verbatim()
    {
        var recorded = changsha.Next(more: content => content["details"] = new JsonObject { ["note"] = "\u2028\U00020BB7" });

        var leaf = changsha.Parsed(recorded).Leaf(new DateTimeOffset(2026, 11, 21, 20, 0, 0, 5, TimeSpan.Zero));

        Assert.Equal($"{{\"event\":{Encoding.UTF8.GetString(recorded.Bytes)},\"received_at\":\"2026-11-21T20:00:00.005Z\"}}", Encoding.UTF8.GetString(leaf));
    }

    [Fact]
    public void What_search_needs_is_read()
    {
        var (exchange, delivery) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var record = changsha.NextRecord("delivery.ended", exchange, content =>
        {
            content["requesting"] = "11430200EXAMPL0011";
            content["bytes"] = 12345;
            content["details"] = new JsonObject { ["delivery_id"] = delivery.ToString(), ["sha256"] = new string('a', 64) };
        });

        Assert.Equal((exchange, delivery, 12345L, "11430200EXAMPL0011", 1L), (record.ExchangeId!.Value, record.DeliveryId!.Value, record.Bytes!.Value, record.Requesting!, record.Seq!.Value));
        Assert.Equal(new DateTimeOffset(2026, 11, 21, 19, 59, 59, TimeSpan.Zero), record.At);
    }

    [Fact]
    public void A_newer_source_may_say_more() => changsha.NextRecord(more: content => content["new_field"] = "later");

    [Theory]
    [InlineData("v", "2")]
    [InlineData("type", "\"Not A Type\"")]
    [InlineData("type", "null")]
    [InlineData("id", "\"not an id\"")]
    [InlineData("id", "\"0193a0a0-0000-7000-8000-000000000000\"")]
    [InlineData("source", "\"zhuzhou\"")]
    [InlineData("seq", "0")]
    [InlineData("seq", "\"1\"")]
    [InlineData("seq", "null")]
    [InlineData("seq", "2")]
    [InlineData("prev", "\"AAAA\"")]
    [InlineData("at", "\"2026-11-21 20:00\"")]
    [InlineData("nonce", "\"AAAA\"")]
    [InlineData("nonce", "null")]
    [InlineData("exchange_id", "7")]
    [InlineData("bytes", "-1")]
    [InlineData("requesting", "\"\\u0000\"")]
    [InlineData("details", "\"x\"")]
    [InlineData("details", "{\"a\":1}")]
    [InlineData("commitments", "{\"subject\":\"short\"}")]
    public void A_record_with_a_wrong_field_is_a_content_fault(string field, string value)
    {
        var recorded = changsha.Next(more: content =>
        {
            if (JsonNode.Parse(value) is { } node)
            {
                content[field] = node;
            }
            else
            {
                content.Remove(field);
            }
        });

        var (record, fault) = SourceRecord.Parse("changsha", recorded);

        Assert.Null(record);
        Assert.NotEmpty(fault!);
    }

    [Fact]
    public void Bytes_that_are_no_canonical_record_are_a_content_fault()
    {
        var good = changsha.Next();
        foreach (var bytes in new byte[][] { [], "[]"u8.ToArray(), "{}"u8.ToArray(), [.. good.Bytes, (byte)' '], [0xff, 0xfe], new byte[70_000] })
        {
            Assert.Null(SourceRecord.Parse("changsha", good with { Bytes = bytes }).Record);
        }
        Assert.Null(SourceRecord.Parse("changsha", good with { Bytes = null! }).Record);
        Assert.Null(SourceRecord.Parse("changsha", null!).Record);
        Assert.Null(SourceRecord.Parse("gateway", good).Record);
    }
}
