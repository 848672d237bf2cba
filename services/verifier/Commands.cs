using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Exchange.Verifier;

/// <summary>The commands. Exit codes: 0 holds, 1 refused, 2 wrong use or an unreadable file.</summary>
internal sealed class Commands(TextWriter output, TextWriter errors, bool showsProgress = false)
{
    private const int LargestFile = 1 << 20;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly Text Usage = new(
        """
        用法：
          verifier proof FILE --trust FILE [--lang zh|en]          核对一条记录的证明
          verifier opening PROOF OPENING --trust FILE [--lang zh|en]   核对开封内容就是记录中所承诺的内容
          verifier checkpoint FILE --trust FILE [--lang zh|en]     核对检查点的签名
          verifier consistency OLD NEW PROOF --trust FILE [--lang zh|en]   核对新检查点只是在旧检查点之后追加
          verifier log FOLDER --trust FILE [--held CHECKPOINT]... [--lang zh|en]   核对下载的整个日志，并与自己留存的检查点比对
          verifier report FILE --trust FILE [--lang zh|en]         核对导出的签名报告及其中每条记录的证明
        """,
        """
        Usage:
          verifier proof FILE --trust FILE [--lang zh|en]          checks the proof of one record
          verifier opening PROOF OPENING --trust FILE [--lang zh|en]   checks that what was opened is what the record committed to
          verifier checkpoint FILE --trust FILE [--lang zh|en]     checks a checkpoint's signatures
          verifier consistency OLD NEW PROOF --trust FILE [--lang zh|en]   checks that the new checkpoint only added to the old one
          verifier log FOLDER --trust FILE [--held CHECKPOINT]... [--lang zh|en]   checks a whole downloaded log, and against checkpoints you hold
          verifier report FILE --trust FILE [--lang zh|en]         checks an exported report: its signature and the proof of each record
        """);

    private string? language;

    public int Run(IReadOnlyList<string> arguments)
    {
        try
        {
            List<string> words = [.. arguments];
            language = Option(words, "--lang");
            if (language is not (null or "zh" or "en"))
            {
                language = null;
                throw new Unusable(Usage);
            }
            var trustFile = Option(words, "--trust") ?? throw new Unusable(Usage);
            var held = words is ["log", ..] ? Options(words, "--held") : [];
            switch (words)
            {
                case ["proof", var file]:
                    CheckProof(Read(file), Trust.Parse(ReadBytes(trustFile)));
                    break;
                case ["opening", var proof, var opening]:
                    CheckOpening(Opening.Parse(Read(opening)), CheckProof(Read(proof), Trust.Parse(ReadBytes(trustFile))));
                    break;
                case ["checkpoint", var file]:
                    CheckCheckpoint(Read(file), Trust.Parse(ReadBytes(trustFile)));
                    break;
                case ["consistency", var older, var newer, var proof]:
                    CheckConsistency(Read(older), Read(newer), Read(proof), Trust.Parse(ReadBytes(trustFile)));
                    break;
                case ["report", var file]:
                    CheckReport(Report.Parse(Files.Read(file, Report.Largest), Trust.Parse(ReadBytes(trustFile))));
                    break;
                case ["log", var folder]:
                    CheckLog(new LogFolder(folder), held, Trust.Parse(ReadBytes(trustFile)));
                    break;
                default:
                    throw new Unusable(Usage);
            }
            return 0;
        }
        catch (Refusal refusal)
        {
            Say(errors, new Text($"不予认可：{refusal.Reason.Zh}", $"Refused: {refusal.Reason.En}"));
            return 1;
        }
        catch (Unusable unusable)
        {
            Say(errors, unusable.Reason);
            return 2;
        }
        catch (DllNotFoundException)
        {
            Say(errors, new Text("本机没有 libcrypto.so.3（OpenSSL 3），无法核对 Ed25519 签名。", "This machine has no libcrypto.so.3 (OpenSSL 3), so Ed25519 signatures cannot be checked."));
            return 2;
        }
    }

    private Leaf CheckProof(string text, Trust trust)
    {
        var proof = Proof.Parse(text);
        var (log, checkpoint, cosignatures) = trust.Accept(proof.Checkpoint);
        if (proof.Index >= checkpoint.Size)
        {
            throw new Refusal($"序号 {proof.Index} 不在大小为 {checkpoint.Size} 的检查点之内。", $"Index {proof.Index} lies outside a checkpoint of size {checkpoint.Size}.");
        }
        if (!Hashing.Includes(proof.Index, checkpoint.Size, Hashing.Leaf(proof.Leaf), proof.Path, checkpoint.Root))
        {
            throw new Refusal("记录的哈希与检查点的树根对不上：记录、序号或路径被改动过。", "The record does not lead to the checkpoint's root: the record, its index or the path was altered.");
        }
        var leaf = Leaf.Parse(proof.Leaf);
        log.CheckDay(leaf);
        Say(output,
            new Text($"证明成立：日志 {log.Origin} 的第 {proof.Index} 号记录（检查点共 {checkpoint.Size} 条）。", $"The proof holds: record {proof.Index} of the log {log.Origin} (checkpoint of {checkpoint.Size} records)."),
            zh => [.. Words.Of(leaf, zh), .. Cosignature.Told(cosignatures, zh)]);
        return leaf;
    }

    private void CheckOpening(Opening opening, Leaf leaf)
    {
        opening.CheckAgainst(leaf);
        Say(output, new Text(
            $"开封成立：记录中对字段 {Words.Plain(opening.Name)} 的承诺，其内容为：{Words.Plain(opening.Value)}",
            $"The opening holds: what the record committed to in its field {Words.Plain(opening.Name)} is: {Words.Plain(opening.Value)}"));
    }

    private void CheckCheckpoint(string text, Trust trust)
    {
        var (log, checkpoint, cosignatures) = trust.Accept(text);
        var root = Convert.ToBase64String(checkpoint.Root);
        Say(output,
            new Text($"检查点成立：日志 {log.Origin}，共 {checkpoint.Size} 条，树根 {root}。", $"The checkpoint holds: log {log.Origin}, {checkpoint.Size} records, root {root}."),
            zh => Cosignature.Told(cosignatures, zh));
    }

    private void CheckConsistency(string older, string newer, string proof, Trust trust)
    {
        var (log, before, _) = trust.Accept(older);
        var (_, after, _) = trust.Accept(newer);
        if (before.Origin != after.Origin)
        {
            throw new Refusal("两个检查点不属于同一个日志。", "The two checkpoints are not of the same log.");
        }
        if (before.Size == 0)
        {
            throw new Refusal("旧检查点是空的，没有可比对的记录。", "The old checkpoint is empty: there is nothing to compare.");
        }
        var path = proof.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => Strict.Base64(line) is { Length: Hashing.Size } hash
            ? hash
            : throw new Refusal("证明中的一行哈希不对。", "A hash line of the proof is malformed."));
        if (!Hashing.Extends(before.Size, before.Root, after.Size, after.Root, [.. path]))
        {
            throw new Refusal("新检查点不是旧检查点的追加：已有记录被改动或删除，或证明不对。", "The new checkpoint does not extend the old one: records were altered or removed, or the proof is wrong.");
        }
        Say(output, new Text(
            $"一致：日志 {log.Origin} 从 {before.Size} 条到 {after.Size} 条，只有追加。",
            $"Consistent: log {log.Origin} only grew, from {before.Size} to {after.Size} records."));
    }

    private void CheckReport(Report report)
    {
        Say(output,
            new Text(
                $"报告成立：日志 {report.Origin} 签名，{report.MadeAt} 制作，所列 {report.Records.Count} 条记录都在日志中。",
                $"The report holds: signed by the log {report.Origin}, made at {report.MadeAt}; each of its {report.Records.Count} records is in the log."),
            report.Told);
    }

    private void CheckLog(LogFolder folder, IReadOnlyList<string> heldFiles, Trust trust)
    {
        var (log, checkpoint, cosignatures) = trust.Accept(Read(folder.Checkpoint));
        var held = heldFiles.Select(file => trust.Accept(Read(file)).Checkpoint).OrderBy(earlier => earlier.Size).ToList();
        // One of another log can only be the end of the year before.
        var previous = held.Where(earlier => earlier.Origin != checkpoint.Origin).ToList();
        held = [.. held.Except(previous)];
        foreach (var earlier in held)
        {
            if (earlier.Size > checkpoint.Size)
            {
                throw new Refusal(
                    $"所留存的检查点有 {earlier.Size} 条，下载的日志只有 {checkpoint.Size} 条：日志被截短，或下载的是较早的状态。",
                    $"A checkpoint you hold has {earlier.Size} records, the downloaded log only {checkpoint.Size}: the log was cut, or the download is older.");
            }
        }
        var whole = new WholeLog(folder, checkpoint.Size, [.. held.Select(earlier => earlier.Size)]);
        var order = new Sequences(log);
        try
        {
            whole.CheckTiles(order, showsProgress ? read => errors.Write(string.Create(CultureInfo.InvariantCulture, $"\r{read}/{checkpoint.Size} ")) : null);
        }
        finally
        {
            if (showsProgress)
            {
                errors.WriteLine();
            }
        }
        if (!whole.Root(checkpoint.Size).AsSpan().SequenceEqual(checkpoint.Root))
        {
            throw new Refusal(
                $"{checkpoint.Size} 条记录算出的树根与检查点的不符：有记录被截去、改动或追加。",
                $"The {checkpoint.Size} records do not lead to the checkpoint's root: records were cut off, altered or added.");
        }
        foreach (var earlier in held)
        {
            if (!whole.Root(earlier.Size).AsSpan().SequenceEqual(earlier.Root))
            {
                throw new Refusal(
                    $"日志在第 {earlier.Size} 号记录之前被改写：它的前 {earlier.Size} 条不是所留存检查点的那 {earlier.Size} 条（现共 {checkpoint.Size} 条）。",
                    $"The log was rewritten before record {earlier.Size}: its first {earlier.Size} records of now {checkpoint.Size} are not those of the checkpoint you hold.");
            }
        }
        order.Finish();
        previous.ForEach(end => CheckOpening(whole, checkpoint, end));
        Say(output,
            new Text(
                $"日志成立：{log.Origin} 的 {checkpoint.Size} 条记录与检查点相符，各来源的编号连续无缺。",
                $"The log holds: the {checkpoint.Size} records of {log.Origin} are those of its checkpoint, and no source's number is missing."),
            zh =>
            [
                .. Cosignature.Told(cosignatures, zh),
                .. order.Told(zh),
                .. previous.Select(end => zh ? $"  承接所留存的 {end.Origin} 的最后检查点（{end.Size} 条）" : $"  goes on from the last checkpoint of {end.Origin} ({end.Size} records) that you hold"),
                .. held.Select(earlier => zh ? $"  与所留存的 {earlier.Size} 条的检查点一致" : $"  only grew since the checkpoint of {earlier.Size} records that you hold"),
            ]);
    }

    /// <summary>A year's first record names the end of the year before.</summary>
    private static void CheckOpening(WholeLog whole, Checkpoint checkpoint, Checkpoint end)
    {
        var details = checkpoint.Size > 0 && whole.First().Event is var opened && Text(opened, "type") == "log.opened" && opened.TryGetProperty("details", out var named) ? named : default;
        if (Text(details, "previous_origin") != end.Origin)
        {
            throw new Refusal("所留存的检查点不属于这个日志。", "A checkpoint you hold is of another log.");
        }
        if (Text(details, "previous_size") != end.Size.ToString(CultureInfo.InvariantCulture) || Text(details, "previous_root") != Convert.ToBase64String(end.Root))
        {
            throw new Refusal(
                $"第 0 号记录承接的不是所留存的 {end.Origin} 的检查点（{end.Size} 条）：上一年度的日志被改写或截短，或所留存的不是其最后的检查点。",
                $"Record 0 goes on from another end of {end.Origin} than the checkpoint of {end.Size} records that you hold: that year was rewritten or cut, or the checkpoint is not its last.");
        }

        static string? Text(JsonElement json, string name) =>
            json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
    }

    private void Say(TextWriter writer, Text text, Func<bool, IEnumerable<string>>? lines = null)
    {
        foreach (var zh in language switch { "zh" => [true], "en" => [false], _ => new[] { true, false } })
        {
            writer.WriteLine(zh ? text.Zh : text.En);
            foreach (var line in lines?.Invoke(zh) ?? [])
            {
                writer.WriteLine(line);
            }
        }
    }

    private static string? Option(List<string> words, string name) => Options(words, name) switch
    {
        [] => null,
        [var value] => value,
        _ => throw new Unusable(Usage),
    };

    private static List<string> Options(List<string> words, string name)
    {
        List<string> values = [];
        for (int at; (at = words.IndexOf(name)) >= 0; words.RemoveRange(at, 2))
        {
            values.Add(at + 1 < words.Count ? words[at + 1] : throw new Unusable(Usage));
        }
        return values;
    }

    private static string Read(string path)
    {
        try
        {
            return Utf8.GetString(ReadBytes(path));
        }
        catch (DecoderFallbackException)
        {
            throw new Refusal($"文件 {Words.Plain(path)} 不是 UTF-8 文本。", $"The file {Words.Plain(path)} is not UTF-8 text.");
        }
    }

    private static byte[] ReadBytes(string path) => Files.Read(path, LargestFile);
}
