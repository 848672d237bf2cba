using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Exchange.Verifier;

/// <summary>What a commitment in a record was made of: HMAC-SHA256 under the key, of the value's UTF-8.</summary>
internal sealed record Opening(string EventId, string Name, string Value, byte[] Key)
{
    public static Opening Parse(string text)
    {
        try
        {
            var root = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false }).RootElement;
            if (root.GetProperty("event_id").GetString() is { } eventId && root.GetProperty("name").GetString() is { } name
                && root.GetProperty("value").GetString() is { } value && root.GetProperty("key").GetString() is { } key && Strict.Base64(key) is { Length: Hashing.Size } bytes)
            {
                return new Opening(eventId, name, value, bytes);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            // Told below; an erased value has no key and comes here too.
        }
        throw new Refusal("这不是一项开封内容：须有 event_id、name、value 和 key。", "This is not an opened value: it has event_id, name, value and key.");
    }

    public void CheckAgainst(Leaf leaf)
    {
        if (!leaf.Event.TryGetProperty("id", out var id) || id.ValueKind != JsonValueKind.String || id.GetString() != EventId)
        {
            throw new Refusal("开封内容属于另一条记录。", "The opened value is of another record.");
        }
        if (!leaf.Event.TryGetProperty("commitments", out var commitments) || commitments.ValueKind != JsonValueKind.Object
            || !commitments.TryGetProperty(Name, out var logged) || logged.ValueKind != JsonValueKind.String)
        {
            throw new Refusal($"记录中没有对字段 {Words.Plain(Name)} 的承诺。", $"The record holds no commitment to a field {Words.Plain(Name)}.");
        }
        if (Strict.Base64(logged.GetString()!) is not { } commitment || !CryptographicOperations.FixedTimeEquals(commitment, HMACSHA256.HashData(Key, Encoding.UTF8.GetBytes(Value))))
        {
            throw new Refusal("内容与记录中的承诺不符：内容或密钥被改动过。", "The value does not give the record's commitment: value or key was altered.");
        }
    }
}
