using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Grants;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;

namespace Exchange.Catalogue.Approvals;

/// <summary>
/// Automatic means at once, on the signature that the head of the provider's sharing office gave for this version (arts. 20, 21). Without one a person decides inside the
/// clock. While the audit log is behind its limit nothing is granted; the sweep comes back to it, unless a person has taken the request up meanwhile.
/// </summary>
internal sealed class AnswerAutomatically(SharingStore store, City city, WorkingDays days, PublishedEntries entries, ProbeSource probe, AuditWatch audit, TimeProvider clock)
{
    /// <summary>Answers within the caller's transaction.</summary>
    public async Task RunAsync(StoredRequest stored, CancellationToken cancel)
    {
        var ask = stored.Process.Ask;
        if (city.Unconditional != "automatic" || audit.Refusal is not null || await entries.StandingAsync(ask.DatasetId, ask.DatasetVersion, cancel) is not { } standing)
        {
            return;
        }

        var deliveryDue = days.Add(LegalDay.Of(clock.GetUtcNow()), city.Limits.Delivery);
        if (await store.ApplyAsync(stored, new SharingEvent.StandingReply(standing with { Department = ask.OwningDepartment! }, deliveryDue), cancel) is SharingOutcome.Applied { Request.State: SharingState.Approved })
        {
            await probe.RunAsync(ask.ExchangeId, cancel);
        }
    }

    /// <summary>One that could have been answered at once and that nobody has taken up, its row locked; any of them, since one that is refused must not keep the others waiting.</summary>
    public const string Waiting = """
        select r.exchange_id
        from sharing_requests r join standing_sign_offs s on s.dataset_id = r.dataset_id and s.version = r.dataset_version
        where r.side = 'owning' and r.state = 'under_review' and r.sharing_class = case when s.reply = 'approve' then 'unconditional' else 'refused' end
          and not exists (select from sharing_history h where h.exchange_id = r.exchange_id and h.side = 'owning' and h.by_subject is not null)
        order by random()
        limit 1
        for update of r skip locked
        """;
}
