using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>The rules by which the publishing side says no.</summary>
internal static class DatasetRefusals
{
    public static readonly Rule ForeignDepartment = new("foreign-department", StatusCodes.Status403Forbidden, "第12条",
        new("目录由提供部门自行编制，您不属于该部门。", "Each department keeps its own catalogue; this entry is another department's."),
        new("请联系该部门的共享工作机构。", "Ask that department's sharing office."));

    public static readonly Rule ForeignCity = new("foreign-city", StatusCodes.Status403Forbidden, "第12条",
        new("只有本市数据主管部门可以审核、发布本市目录。", "Only the city's own data authority reviews and publishes its catalogue."),
        new("请联系该市数据主管部门。", "Ask that city's data authority."));

    public static readonly Rule CodeTaken = new("code-taken", StatusCodes.Status409Conflict, "《政务信息资源目录编制指南（试行）》",
        new("本市已有使用此信息资源代码的目录。", "Another entry of this city has this code."),
        new("请更换代码，或修订原有目录。", "Use another code, or revise the entry that has it."));

    public static readonly Rule NameTaken = new("name-taken", StatusCodes.Status409Conflict, null,
        new("本部门已有同名且没有信息资源代码的目录。", "Your department has an entry of this name without a code."),
        new("请为目录编制信息资源代码，或修订原有目录。", "Give the entry a code, or revise the one that is there."));

    public static readonly Rule WrongState = new("wrong-state", StatusCodes.Status409Conflict, "第13条",
        new("目录的当前状态不允许此操作。", "The entry's state does not allow this."),
        new("编目依次为：起草、评估、部门负责人审批、主管部门审核发布；请先完成前一步。", "The order is draft, assessments, approval by the head of the department, publication by the authority; do the step before first."));

    public static readonly Rule SamePerson = new("same-person", StatusCodes.Status409Conflict, "第13条",
        new("起草、审批和发布须由不同的人员办理。", "Drafting, approval and publication are done by different persons."),
        new("请由另一位有此职务的人员办理。", "Have another person with this office do it."));

    public static readonly Rule GrantRuns = new("grant-runs", StatusCodes.Status409Conflict, "第27条",
        new("有部门正在使用此数据，不得无正当理由终止或者变更共享。", "Departments are using this data; sharing may not be ended or changed without good reason."),
        new("请先与使用部门协商并报主管部门备案；待相关授权结束后再办理。", "Consult the departments that use it and file with the authority; or wait until the grants have ended."));

    public static readonly Rule NotPublished = new("not-published", StatusCodes.Status409Conflict, "第16条",
        new("数据应当按照已发布的目录填报，该目录尚未发布。", "Data is filled in against the published catalogue, and this entry is not published."),
        new("请先完成目录发布。", "Publish the entry first."));

    public static readonly Rule NoTable = new("no-table", StatusCodes.Status409Conflict, null,
        new("只有格式为 table 的目录可以装载数据行。", "Only entries of format table hold rows."),
        new("请修订目录的格式，或以文件、服务方式提供。", "Revise the entry's format, or provide the data as a file or service."));

    public static readonly Rule ImportantInPerson = new("important-in-person", StatusCodes.Status409Conflict, "GB/T 43697-2024",
        new("重要数据的提供须逐件由人审定，不能预先审签同意。", "Important data is provided case by case, decided by a person; it is not agreed to beforehand."),
        new("请由提供部门在期限内人工答复；分类分级由提供部门变更并经审核。", "Answer each request in person; the provider changes the classification, reviewed by the authority."));

    public static readonly Rule NoStandingReply = new("no-standing-reply", StatusCodes.Status409Conflict, "第21条",
        new("常设答复只适用于无条件共享（同意）和不予共享（引用依据拒绝）的目录；有条件共享须逐件审核。", "A standing reply fits entries that are shared without conditions (approve) or not shared (refuse with the law); conditional requests are decided one by one."),
        new("请逐件审核申请，或修订目录的共享类型。", "Decide the requests one by one, or revise the entry's sharing type."));

    public static readonly Rule ImportsWaiting = new("imports-waiting", StatusCodes.Status409Conflict, null,
        new("本部门已有多份目录在等待导入。", "Several tables of your department are waiting to be imported."),
        new("请等待其中一份导入完毕后再提交。", "Wait until one of them is done."));

    public static readonly Rule ImportRunning = new("import-running", StatusCodes.Status409Conflict, null,
        new("导入尚未结束，还没有报告。", "The import has not ended; there is no report yet."),
        new("请稍后再取；进度见该导入的地址。", "Come back in a moment; the import's own address shows how far it is."));

    public static readonly Rule ImportFailed = new("import-failed", StatusCodes.Status500InternalServerError, null,
        new("导入多次未能完成，内容未作任何更改。", "The import could not be finished in several attempts; nothing was changed."),
        new("请重新提交；仍不成功的，请把导入编号告知运维人员。", "Send the table again; if that fails too, tell the operators the import's id."));
}
