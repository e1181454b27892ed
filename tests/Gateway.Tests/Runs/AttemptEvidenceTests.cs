using DurableGateway.Runs;

namespace DurableGateway.Tests.Runs;

/// <summary>The disposition of a run at the end of an attempt's call: the whole table, for live attempts and replays.</summary>
[Trait("Category", "Unit")]
public sealed class AttemptEvidenceTests
{
    private static readonly AttemptEvidence Whole = new() { Response = Arrival.Whole };
    private static readonly AttemptEvidence Head = new() { Response = Arrival.Head };

    public static TheoryData<string, string> Table()
    {
        var rows = new TheoryData<string, string>();
        foreach (var (name, _, expected) in Rows) rows.Add(name, expected.ToString());
        return rows;
    }

    private static readonly (string Name, AttemptEvidence Evidence, Disposition Expected)[] Rows =
    [
        // No run exists.
        ("the request broke off", new() { Request = RequestFault.Broken }, Disposition.Discard),
        ("the request broke off, and its run is stored", new() { Request = RequestFault.Broken, MayBeStored = true }, Disposition.Retry),
        ("the request is too large", new() { Request = RequestFault.TooLarge }, Disposition.RefuseRequest),
        ("the request is too large, and was answered", Whole with
        {
            Request = RequestFault.TooLarge, Outcome = AttemptOutcome.Completed,
        }, Disposition.RefuseRequest),

        // The client or another attempt decides.
        ("the client left", new() { Interrupted = AttemptInterrupt.ClientGone }, Disposition.Cancel),
        ("the client left, and another attempt owns the run", new()
        {
            Interrupted = AttemptInterrupt.ClientGone, IsLost = true,
        }, Disposition.Cancel),
        ("the client left, and the service broke off", new()
        {
            Interrupted = AttemptInterrupt.ClientGone, ServiceBroke = true,
        }, Disposition.Retry),
        ("lost, whatever the response", Whole with { IsLost = true, Outcome = AttemptOutcome.Completed }, Disposition.LeaveToOther),
        ("lost, and a failure", Whole with { IsLost = true, Outcome = AttemptOutcome.Failed }, Disposition.LeaveToOther),
        ("lost, and shut down", new() { IsLost = true, Interrupted = AttemptInterrupt.Shutdown }, Disposition.LeaveToOther),
        ("lost, and a mismatch", Whole with
        {
            IsLost = true, HasMismatch = true, Outcome = AttemptOutcome.Completed,
        }, Disposition.LeaveToOther),
        ("the lease was over when a success began", Head with { Outcome = AttemptOutcome.Completed }, Disposition.LeaveToOther),
        ("the lease was over when a final failure began", Head with { Outcome = AttemptOutcome.FailedForGood }, Disposition.LeaveToOther),

        // Another attempt would get the same.
        ("a mismatch", Whole with { HasMismatch = true, Outcome = AttemptOutcome.Completed }, Disposition.EndWithProblem),
        ("a head that is too large", new() { HasOversizedHead = true }, Disposition.EndWithProblem),
        ("a body that is too large", new()
        {
            Interrupted = AttemptInterrupt.ResponseTooLarge, Outcome = AttemptOutcome.Completed,
        }, Disposition.EndWithProblem),
        ("a body that is too large, to its end", Whole with
        {
            Interrupted = AttemptInterrupt.ResponseTooLarge, Outcome = AttemptOutcome.Completed,
        }, Disposition.EndWithProblem),
        ("steps in headers refused", Whole with
        {
            RefusesSteps = true, Outcome = AttemptOutcome.Completed,
        }, Disposition.ResendWithoutSteps),
        ("steps in headers refused, as a failure", Whole with
        {
            RefusesSteps = true, Outcome = AttemptOutcome.Failed,
        }, Disposition.ResendWithoutSteps),
        ("suspended with status 400", Whole with { RefusesSteps = true, Outcome = AttemptOutcome.Suspended }, Disposition.Suspend),

        // A response that has arrived counts, even if the attempt was interrupted at the same moment.
        ("a success", Whole with { Outcome = AttemptOutcome.Completed }, Disposition.Complete),
        ("a success while timing out", Whole with
        {
            Outcome = AttemptOutcome.Completed, Interrupted = AttemptInterrupt.TimedOut,
        }, Disposition.Complete),
        ("a success while shutting down", Whole with
        {
            Outcome = AttemptOutcome.Completed, Interrupted = AttemptInterrupt.Shutdown,
        }, Disposition.Complete),
        ("a success while the store is away", Whole with { Outcome = AttemptOutcome.Completed, LacksStore = true }, Disposition.Complete),
        ("a final failure", Whole with { Outcome = AttemptOutcome.FailedForGood }, Disposition.EndWithResponse),
        ("a final failure while shutting down", Whole with
        {
            Outcome = AttemptOutcome.FailedForGood, Interrupted = AttemptInterrupt.Shutdown,
        }, Disposition.EndWithResponse),
        ("a failure", Whole with { Outcome = AttemptOutcome.Failed }, Disposition.Retry),
        ("the head of a failure", Head with { Outcome = AttemptOutcome.Failed }, Disposition.Retry),
        ("the head of a failure while shutting down", Head with
        {
            Outcome = AttemptOutcome.Failed, Interrupted = AttemptInterrupt.Shutdown,
        }, Disposition.Retry),
        ("a failure for want of the store", Whole with { Outcome = AttemptOutcome.Failed, LacksStore = true }, Disposition.HandBackLater),
        ("suspended", Whole with { Outcome = AttemptOutcome.Suspended }, Disposition.Suspend),
        ("the head of suspended", Head with { Outcome = AttemptOutcome.Suspended }, Disposition.Suspend),
        ("suspended while shutting down", Head with
        {
            Outcome = AttemptOutcome.Suspended, Interrupted = AttemptInterrupt.Shutdown,
        }, Disposition.Suspend),
        ("suspended with nothing pending", Head with { Outcome = AttemptOutcome.Suspended, HasNothingPending = true }, Disposition.Retry),
        ("suspended with nothing pending, for want of the store", Head with
        {
            Outcome = AttemptOutcome.Suspended, HasNothingPending = true, LacksStore = true,
        }, Disposition.HandBackLater),

        // The response is missing or incomplete.
        ("nothing", new(), Disposition.Retry),
        ("timed out", new() { Interrupted = AttemptInterrupt.TimedOut }, Disposition.Retry),
        ("shut down", new() { Interrupted = AttemptInterrupt.Shutdown }, Disposition.HandBack),
        ("shut down while the store is away", new()
        {
            Interrupted = AttemptInterrupt.Shutdown, LacksStore = true,
        }, Disposition.HandBack),
        ("a success that broke off", new() { Outcome = AttemptOutcome.Completed, ServiceBroke = true }, Disposition.Retry),
        ("a success that broke off by the shutdown", new()
        {
            Outcome = AttemptOutcome.Completed, Interrupted = AttemptInterrupt.Shutdown,
        }, Disposition.HandBack),
        ("a suspension that broke off", new() { Outcome = AttemptOutcome.Suspended }, Disposition.Retry),
        ("a failure that broke off by the shutdown", new()
        {
            Outcome = AttemptOutcome.Failed, Interrupted = AttemptInterrupt.Shutdown,
        }, Disposition.HandBack),
        ("nothing, for want of the store", new() { LacksStore = true }, Disposition.HandBackLater),
    ];

    [Theory]
    [MemberData(nameof(Table))]
    public void Evidence_Decides(string name, string expected) =>
        Assert.Equal(expected, Rows.Single(row => row.Name == name).Evidence.Decide().ToString());

    [Fact]
    public void EveryDisposition_IsInTheTable() =>
        Assert.Empty(Enum.GetValues<Disposition>().Except(Rows.Select(row => row.Expected)));

    /// <summary>In every case, a run that another attempt owns is not written.</summary>
    [Fact]
    public void LostRun_IsNeverWritten()
    {
        foreach (var evidence in All().Where(evidence => evidence.IsLost))
        {
            Assert.True(evidence.Decide() is Disposition.LeaveToOther or Disposition.Cancel or Disposition.RefuseRequest
                or Disposition.Discard, $"{evidence} is {evidence.Decide()}.");
        }
    }

    /// <summary>Only a complete response becomes a result.</summary>
    [Fact]
    public void Response_IsTheResult_OnlyWhereItIsWhole()
    {
        foreach (var evidence in All())
        {
            if (evidence.Decide() is Disposition.Complete or Disposition.EndWithResponse) Assert.Equal(Arrival.Whole, evidence.Response);
        }
    }

    private static IEnumerable<AttemptEvidence> All()
    {
        bool[] both = [false, true];
        AttemptOutcome?[] outcomes =
            [null, AttemptOutcome.Completed, AttemptOutcome.Failed, AttemptOutcome.FailedForGood, AttemptOutcome.Suspended];
        return
            from request in Enum.GetValues<RequestFault>()
            from interrupted in Enum.GetValues<AttemptInterrupt>()
            from outcome in outcomes
            from response in Enum.GetValues<Arrival>()
            from isLost in both
            from mayBeStored in both
            from broke in both
            from refusesSteps in both
            from mismatch in both
            from head in both
            from lacksStore in both
            from nothing in both
            select new AttemptEvidence
            {
                Request = request,
                Interrupted = interrupted,
                Outcome = outcome,
                Response = response,
                IsLost = isLost,
                MayBeStored = mayBeStored,
                ServiceBroke = broke,
                RefusesSteps = refusesSteps,
                HasMismatch = mismatch,
                HasOversizedHead = head,
                LacksStore = lacksStore,
                HasNothingPending = nothing,
            };
    }
}
