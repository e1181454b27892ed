using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Tests.Support;

/// <summary>A <see cref="RunEngine"/> with a fake store and a fake clock.</summary>
internal sealed class EngineBench : IRunObserver
{
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);
    public static readonly StoreUnavailableException Refused = new("The store is away.");
    public static readonly StoreUnavailableException Unanswered = new("No answer.") { MayHaveHappened = true };

    public EngineBench(FakeTimeProvider? time = null)
    {
        Time = time ?? new FakeTimeProvider(Make.Start);
        Engine = new RunEngine(Store, new RunEvents([this]), new EngineSettings(Lease), Time, NullLogger<RunEngine>.Instance);
    }

    public FakeTimeProvider Time { get; }
    public FakeRunStore Store { get; } = new();
    public RunEngine Engine { get; }

    /// <summary>The notifications of observers, in order.</summary>
    public List<string> Told { get; } = [];

    public Attempt Live(RunPolicy? policy = null, Draft? draft = null) =>
        new(new AttemptKey(Make.RunId(), 1, Engine.Owner), policy ?? new RunPolicy(), "orders", Time.GetUtcNow(),
            draft ?? new Draft(), Time)
        {
            Timeout = TimeSpan.FromSeconds(30),
        };

    public Attempt Replay(RunPolicy? policy = null, int failures = 0) =>
        new(new AttemptKey(Make.RunId(), 2, Engine.Owner), policy ?? new RunPolicy(), "orders", Time.GetUtcNow(),
            Time.GetTimestamp() + (Lease.Ticks * Time.TimestampFrequency / TimeSpan.TicksPerSecond), Time)
        {
            Timeout = TimeSpan.FromSeconds(30),
            Failures = failures,
        };

    public static AttemptFailure Failure(bool final = false) =>
        new("status 503", 503, () => Make.Response("busy", 503), Final: final);

    public static AttemptReport Report(AttemptFailure? failure = null) => AttemptReport.Of(failure ?? Failure()) with
    {
        Refusal = Problems.ResponseTooLarge(Make.RunId(), 1),
        Result = () => Task.FromResult(Make.Response()),
        Status = 400,
    };

    void IRunObserver.LiveAttemptBegan(Attempt attempt) => Told.Add("began");

    void IRunObserver.RunQueued(Attempt attempt, DateTimeOffset due) => Told.Add("queued");

    void IRunObserver.AttemptFailed(Attempt attempt, AttemptFailure failure, DateTimeOffset due) => Told.Add("failed");

    void IRunObserver.AttemptSuspended(Attempt attempt, DateTimeOffset due) => Told.Add("suspended");

    void IRunObserver.AttemptHandedBack(Attempt attempt, DateTimeOffset due, bool forOthers) =>
        Told.Add(forOthers ? "handed back" : "sent again");

    void IRunObserver.AttemptLost(Attempt attempt) => Told.Add("lost");

    void IRunObserver.AttemptDropped(Attempt attempt) => Told.Add("dropped");

    void IRunObserver.RunEnded(Attempt attempt, RunState state, int status, bool isStored) =>
        Told.Add($"ended {state} {status}{(isStored ? "" : " unstored")}");

    void IRunObserver.RunUnreadable(RunId run) => Told.Add("unreadable");

    /// <summary>A request whose arrival the test controls.</summary>
    internal sealed class Draft(Task<bool>? arrives = null) : RunDraft
    {
        public int Asked { get; private set; }

        public override async Task<NewRun?> CompleteAsync(CancellationToken cancellation)
        {
            Asked++;
            return arrives is null || await arrives.WaitAsync(cancellation) ? Make.Run() : null;
        }
    }
}
