using Exchange.Catalogue.Datasets;
using Exchange.Hosting;
using Xunit;

namespace Exchange.Tests.Datasets;

public sealed class EntryRulesTests
{
    private static EntryDraft Draft => Samples.Draft;

    [Fact]
    public void A_complete_draft_has_no_fault() => Assert.Empty(EntryRules.Check(Draft).All);

    [Fact]
    public void An_empty_draft_is_told_everything_that_article_13_asks_for()
    {
        var faults = EntryRules.Check(new()).All;
        Assert.Equal(
            ["abstract", "classification", "department_code", "fields", "format", "grade", "name", "sharing_method", "sharing_type", "theme", "update_frequency"],
            faults.Select(f => f.Field).Order(StringComparer.Ordinal));
        Assert.All(faults, f => Assert.Equal(("required", "第13条"), (f.Rule, f.Article)));
        Assert.All(faults, f => Assert.True(f.Message.Zh.Length > 0 && f.Message.En.Length > 0));
    }

    [Fact]
    public void Faults_of_different_rules_are_listed_together()
    {
        var faults = EntryRules.Check(Draft with { Code = "abc", Theme = "Z9", SharingConditions = "可以", Grade = 5 }).All;
        Assert.Equal(["unknown-value", "grade", "conditions-scope", "conditions-purpose", "code-format"], faults.Select(f => f.Rule));
    }

    [Theory]
    [InlineData("共享范围：甲；使用用途：乙")]
    [InlineData("使用用途: 乙\n共享范围: 甲\n其他条件：丙")]
    public void A_conditional_entry_states_scope_and_purpose(string conditions) =>
        Assert.Empty(EntryRules.Check(Draft with { SharingConditions = conditions }).All);

    [Theory]
    [InlineData(null, new[] { "conditions-scope", "conditions-purpose" })]
    [InlineData("共享范围：甲", new[] { "conditions-purpose" })]
    [InlineData("共享范围：；使用用途：乙", new[] { "conditions-scope" })]
    [InlineData("共享范围甲，使用用途乙", new[] { "conditions-scope", "conditions-purpose" })]
    public void One_without_them_is_refused_by_article_15(string? conditions, string[] rules)
    {
        var faults = EntryRules.Check(Draft with { SharingConditions = conditions }).All;
        Assert.Equal(rules, faults.Select(f => f.Rule));
        Assert.All(faults, f => Assert.Equal("第15条", f.Article));
    }

    [Theory]
    [InlineData("《中华人民共和国刑事诉讼法》第二百八十六条", true)]
    [InlineData("国务院《关于某事项的决定》", true)]
    [InlineData("《中华人民共和国刑事诉讼法》", false)]
    [InlineData("第二百八十六条", false)]
    [InlineData("内部规定", false)]
    [InlineData(null, false)]
    public void A_refused_entry_cites_the_law(string? law, bool accepted)
    {
        var draft = Draft with { SharingType = "refused", SharingConditions = "依法封存", RefusalLaw = law, Fields = [.. Draft.Fields!.Select(f => f with { SharingType = "refused" })] };
        Assert.Equal(accepted ? [] : ["refusal-cites-law"], EntryRules.Check(draft).All.Select(f => f.Rule));
    }

    [Fact]
    public void A_refused_entry_gives_its_reason_too_and_is_not_open()
    {
        var draft = Draft with { SharingType = "refused", SharingConditions = " ", OpenToSociety = true, RefusalLaw = "《某法》第一条", Fields = [new() { Name = "a", Title = "甲", Type = "I" }] };
        Assert.Equal(["refusal-reason", "open-but-refused"], EntryRules.Check(draft).All.Select(f => f.Rule));
    }

    [Theory]
    [InlineData("unconditional", "refused", true)]
    [InlineData("unconditional", "conditional", true)]
    [InlineData("conditional", "unconditional", false)]
    [InlineData("refused", "conditional", false)]
    public void An_item_is_never_shared_more_widely_than_its_entry(string entry, string item, bool accepted)
    {
        var draft = Draft with { SharingType = entry, RefusalLaw = entry == "refused" ? "《某法》第一条" : null, Fields = [new() { Name = "a", Title = "甲", Type = "I", SharingType = item }] };
        Assert.Equal(accepted ? [] : ["wider-than-entry"], EntryRules.Check(draft).All.Select(f => f.Rule));
    }

    [Theory]
    [InlineData("C", 1, null)]
    [InlineData("C", null, "field-length")]
    [InlineData("C", 0, "field-length")]
    [InlineData("C", 10001, "field-length")]
    [InlineData("N", 28, null)]
    [InlineData("N", 29, "field-length")]
    [InlineData("N", null, "field-length")]
    [InlineData("D", null, null)]
    [InlineData("D", 8, "field-length")]
    [InlineData("X", null, "unknown-value")]
    [InlineData("c", 3, "unknown-value")]
    [InlineData(null, null, "required")]
    public void Types_and_lengths_are_those_of_the_guide(string? type, int? length, string? rule)
    {
        var faults = EntryRules.Check(Draft with { Fields = [new() { Name = "a", Title = "甲", Type = type, Length = length }] }).All;
        Assert.Equal(rule is null ? [] : [rule], faults.Select(f => f.Rule));
    }

    [Theory]
    [InlineData("a1_b", true)]
    [InlineData("A", false)]
    [InlineData("1a", false)]
    [InlineData("名称", false)]
    [InlineData("a b", false)]
    [InlineData("a\n", false)]
    [InlineData("a\"; drop table x", false)]
    public void A_machine_name_is_plain(string name, bool accepted) =>
        Assert.Equal(accepted ? [] : ["field-name"], EntryRules.Check(Draft with { Fields = [new() { Name = name, Title = "甲", Type = "I" }] }).All.Select(f => f.Rule));

    [Fact]
    public void Names_and_titles_stand_once()
    {
        FieldDraft field = new() { Name = "a", Title = "甲", Type = "I" };
        var faults = EntryRules.Check(Draft with { Fields = [field, field] }).All;
        Assert.Equal(["fields[1].name", "fields[1].title"], faults.Select(f => f.Field));
    }

    [Theory]
    [InlineData("general", 0, false)]
    [InlineData("general", 4, true)]
    [InlineData("general", 5, false)]
    [InlineData("important", 5, true)]
    [InlineData("important", 4, false)]
    [InlineData("core", 6, true)]
    public void Grades_follow_the_classification(string classification, int grade, bool accepted) =>
        Assert.Equal(accepted, !EntryRules.Check(Draft with { Classification = classification, Grade = grade }).Any);

    [Theory]
    [InlineData("table", "rows", null)]
    [InlineData("service", "service", null)]
    [InlineData("spreadsheet/xlsx", "file", null)]
    [InlineData("table", "file", "method-format")]
    [InlineData("document/pdf", "rows", "method-format")]
    [InlineData("spreadsheet", "file", "unknown-format")]
    [InlineData("table/x", "rows", "unknown-format")]
    [InlineData("paper/a4", "file", "unknown-format")]
    [InlineData("document/../x", "file", "unknown-format")]
    public void Format_and_method_belong_together(string format, string method, string? rule) =>
        Assert.Equal(rule is null ? [] : [rule], EntryRules.Check(Draft with { Format = format, SharingMethod = method }).All.Select(f => f.Rule));

    [Theory]
    [InlineData("307001/1", true)]
    [InlineData("307001430100/000001", true)]
    [InlineData("407001/1", false)]
    [InlineData("30700/1", false)]
    [InlineData("307001", false)]
    [InlineData("307001/", false)]
    [InlineData("３07001/1", false)]
    public void Codes_have_the_guides_form(string code, bool accepted)
    {
        Assert.Equal(accepted, !EntryRules.Check(Draft with { Code = code }).Any);
        Assert.Equal(accepted ? [] : ["related_codes[1]"], EntryRules.Check(Draft with { RelatedCodes = ["307001/2", code] }).All.Select(f => f.Field));
    }

    [Theory]
    [InlineData("甲\u0000乙")]
    [InlineData("甲\u0007乙")]
    [InlineData("甲\n乙")]
    [InlineData("甲\u202E乙")]
    [InlineData("甲\u0085乙")]
    public void Names_that_do_not_show_as_what_they_are_are_refused(string name) =>
        Assert.Equal(["control-character"], EntryRules.Check(Draft with { Name = name }).All.Select(f => f.Rule));

    [Fact]
    public void Half_a_character_is_refused() => // an attribute cannot hold one
        Assert.Equal(["control-character"], EntryRules.Check(Draft with { Name = "甲" + (char)0xD800 + "乙" }).All.Select(f => f.Rule));

    [Theory]
    [InlineData("=cmd|' /C calc'!A0")]
    [InlineData("+1")]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("𠮷野家")]
    public void Text_that_only_other_programs_would_misread_is_data(string name) =>
        Assert.Empty(EntryRules.Check(Draft with { Name = name, Abstract = name + "\n第二行" }).All);

    [Fact]
    public void Texts_have_a_longest_length() =>
        Assert.Equal(["name", "abstract"], EntryRules.Check(Draft with { Name = new('长', 201), Abstract = new('长', 2001) }).All.Where(f => f.Rule == "too-long").Select(f => f.Field));

    [Fact]
    public void The_personal_information_mark_agrees_with_the_items()
    {
        Assert.Empty(EntryRules.Check(Draft with { PersonalInformation = true }).All);
        Assert.Equal(["personal-mismatch"], EntryRules.Check(Draft with { PersonalInformation = false }).All.Select(f => f.Rule));
    }

    [Fact]
    public void A_credit_code_with_a_wrong_check_character_is_named() =>
        Assert.Equal(["credit-code"], EntryRules.Check(Draft with { DepartmentCode = "91350100M000100Y44" }).All.Select(f => f.Rule));

    [Fact]
    public void Missing_elements_in_lists_are_faults_not_failures() =>
        Assert.Equal(["related_codes[0]", "fields[0]"], EntryRules.Check(Draft with { RelatedCodes = [null!], Fields = [null!] }).All.Select(f => f.Field));

    [Fact]
    public void Normalising_changes_nothing_twice()
    {
        var once = (Draft with { Name = " 公积金 ", SharingConditions = "共享范围：甲\r\n使用用途：乙", RefusalLaw = "" }).Normalised();
        Assert.True(once.Says(once.Normalised()));
        Assert.Equal(("公积金", "共享范围：甲\n使用用途：乙", null, true), (once.Name, once.SharingConditions, once.RefusalLaw, once.PersonalInformation));
        Assert.All(once.Fields!, f => Assert.Equal("conditional", f.SharingType));
    }
}
