using System.Text;
using System.Xml;

namespace Exchange.Catalogue.Previews;

/// <summary>
/// A part of a workbook, read forwards in bounded memory. The framework's reader keeps a tag, a text and every name that it has met in memory, however long or many they are: so what it is given is looked at before. Between two
/// <c>&lt;</c> stands at most one text with its tag; document types and CDATA, in which that would not hold, stand in no workbook that a spreadsheet program wrote and are
/// refused; comments and instructions are passed over without being kept.
/// </summary>
internal sealed class BoundedXml : IDisposable
{
    private const int MostNames = 4096;

    private readonly PreviewLimits limits;
    private readonly PreviewTable table;
    private readonly Markup markup;
    private readonly long most;
    private long mark;

    /// <param name="part">UTF-8; closed with this.</param>
    /// <param name="most">Characters; more is a refusal with the word <c>part-too-large</c>.</param>
    /// <param name="limits">Of a row, a value, the depth.</param>
    /// <param name="table">Its time is looked at.</param>
    public BoundedXml(Stream part, long most, PreviewLimits limits, PreviewTable table)
    {
        (this.most, this.limits, this.table) = (most, limits, table);
        markup = new Markup(new StreamReader(part, new UTF8Encoding(true, throwOnInvalidBytes: true), detectEncodingFromByteOrderMarks: false, 16 << 10), limits);
        Reader = XmlReader.Create(markup, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, CloseInput = true, IgnoreComments = true, IgnoreProcessingInstructions = true, NameTable = new Names() });
    }

    public XmlReader Reader { get; }

    /// <summary>Characters that were read.</summary>
    public long Count => markup.Count;

    /// <summary>A row begins here: its length counts from now on.</summary>
    public void Mark() => mark = Count;

    /// <summary>The next node; false at the end.</summary>
    public bool Next()
    {
        var more = Reader.Read();
        if (Reader.Depth > limits.Depth)
        {
            throw NotPreviewedException.TooDeep(limits);
        }

        if (Count > most)
        {
            throw new NotPreviewedException("part-too-large", new($"工作簿的一个部分超过 {most} 个字符。", $"A part of the workbook is longer than {most} characters."));
        }

        table.CheckTime();
        return more;
    }

    /// <summary>The same inside of something that may be no longer than a row.</summary>
    public bool NextInRow()
    {
        var more = Next();
        // What the reader has taken ahead counts with it.
        return Count - mark <= limits.Line + Markup.Piece ? more : throw NotPreviewedException.LineTooLong(limits);
    }

    public void Dispose()
    {
        Reader.Dispose();
        markup.Dispose();
    }

    /// <summary>Hands on a part as text and follows its markup.</summary>
    private sealed class Markup(StreamReader inner, PreviewLimits limits) : TextReader
    {
        public const int Piece = 16 << 10;

        // A character takes at most ten as a reference (&#x10FFFF;).
        private readonly int longest = 10 * limits.Cell;
        private int since;
        private string after = "";

        public long Count { get; private set; }

        public override int Read(char[] buffer, int index, int count)
        {
            var read = inner.Read(buffer, index, Math.Min(count, Piece));
            Follow(buffer.AsSpan(index, read));
            return read;
        }

        public override int Read(Span<char> buffer)
        {
            var read = inner.Read(buffer[..Math.Min(buffer.Length, Piece)]);
            Follow(buffer[..read]);
            return read;
        }

        public override int Read()
        {
            var read = inner.Read();
            if (read >= 0)
            {
                Follow([(char)read]);
            }

            return read;
        }

        public override int Peek() => inner.Peek();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }

            base.Dispose(disposing);
        }

        private void Follow(ReadOnlySpan<char> text)
        {
            Count += text.Length;
            while (!text.IsEmpty)
            {
                if (after == "<!" && text[0] != '-')
                {
                    throw new NotPreviewedException("markup", new("工作簿的 XML 中含有 DOCTYPE、实体或 CDATA。", "The workbook's XML holds a document type, an entity or CDATA."));
                }

                if (after == "<" && text[0] == '!')
                {
                    after = "<!";
                    since++;
                    text = text[1..];
                    continue;
                }

                after = "";
                var next = text.IndexOf('<');
                since += next < 0 ? text.Length : next;
                if (since > longest)
                {
                    throw NotPreviewedException.CellTooLong(limits);
                }

                if (next < 0)
                {
                    return;
                }

                (since, after) = (0, "<");
                text = text[(next + 1)..];
            }
        }
    }

    /// <summary>Keeps the names of elements and attributes, which are few.</summary>
    private sealed class Names : NameTable
    {
        private int count;

        public override string Add(char[] key, int start, int len) => Get(key, start, len) ?? Counted(base.Add(key, start, len));

        public override string Add(string key) => Get(key) ?? Counted(base.Add(key));

        private string Counted(string name) => ++count <= MostNames ? name : throw NotPreviewedException.Damaged("XML");
    }
}
