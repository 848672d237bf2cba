using Exchange.Catalogue.Files;
using Xunit;

namespace Exchange.Tests.Files;

/// <summary>Names under which files are shown: what a receiver's system could take for something else is refused.</summary>
public sealed class FileNameTests
{
    [Theory]
    [InlineData("月报.pdf")]
    [InlineData("2026-03 缴存 (终稿) v1.2.PDF")]
    [InlineData("𠮷田.pdf")]
    public void A_name_that_every_system_can_store_is_kept(string name) => Assert.Equal((name, []), Check(name));

    [Fact]
    public void What_looks_the_same_is_the_same() => Assert.Equal(("\u00e9tat.pdf", []), Check("e\u0301tat.pdf"));

    [Theory]
    [InlineData("../etc/passwd.pdf", "path", "reserved")]
    [InlineData("a/b.pdf", "path")]
    [InlineData("a\\b.pdf", "path")]
    [InlineData("C:x.pdf", "path")]
    [InlineData("x%2Fy.pdf", "path")]
    [InlineData("a\r\nSet-Cookie: x.pdf", "path", "control-character")]
    [InlineData("a\0.pdf", "control-character")]
    [InlineData("a\u202Efdp.exe.pdf", "control-character")]
    [InlineData("a\u200B.pdf", "control-character")]
    [InlineData("\uFEFFa.pdf", "control-character")]
    [InlineData(".hidden.pdf", "reserved")]
    [InlineData("-rf.pdf", "reserved")]
    [InlineData("con.pdf", "reserved")]
    [InlineData("LPT1.tar.pdf", "reserved")]
    [InlineData("a..pdf", "reserved")]
    [InlineData("a.pdf ", "reserved", "extension")]
    [InlineData("a.pdf.exe", "extension")]
    [InlineData("pdf", "extension")]
    [InlineData(".pdf", "reserved", "extension")]
    [InlineData("", "reserved", "extension")]
    public void Any_other_is_refused_with_every_fault(string name, params string[] rules) => Assert.Equal(rules, Check(name).Rules);

    [Fact]
    public void Three_hundred_characters_are_too_many_and_so_are_a_hundred_of_three_bytes()
    {
        Assert.Equal(["too-long"], Check(new string('a', 300) + ".pdf").Rules);
        Assert.Equal(["too-long"], Check(new string('示', 100) + ".pdf").Rules);
        Assert.Empty(Check(new string('示', 80) + ".pdf").Rules);
    }

    private static (string Name, string[] Rules) Check(string name)
    {
        var faults = new Exchange.Hosting.Faults();
        return (FileName.Check(name, FileFormat.Of("document/pdf")!, faults), [.. faults.All.Select(f => f.Rule)]);
    }
}
