using System.Collections.Concurrent;

namespace DurableGateway.Chaos;

/// <summary>A step that the service has begun to execute, or whose checkpoint was answered <c>201</c>.</summary>
internal readonly record struct StepEvent(string Run, string Step, int Attempt, bool Done);

/// <summary>A request that came to the service.</summary>
internal readonly record struct Sending(string Run, int Attempt, string Method);

/// <summary>A response that a client got of a run: while it waited, or at the result URL.</summary>
internal readonly record struct Answer(int Status, string Body);

/// <summary>What one client knows of one run.</summary>
internal sealed class ClientRun(string request)
{
    /// <summary>What was asked for; every right answer begins with it.</summary>
    public string Request { get; } = request;

    public string? Run { get; set; }

    /// <summary>The result URL that was given, by a redirect or beside a response.</summary>
    public string? ResultUrl { get; set; }

    /// <summary>The client was told to come for the result: it must be there.</summary>
    public bool Promised { get; set; }

    /// <summary>The event that the run waits for was answered 202.</summary>
    public bool EventTaken { get; set; }

    /// <summary>Every whole answer it got, in order.</summary>
    public List<Answer> Answers { get; } = [];

    /// <summary>What the result URL said in the end, where it was not the result.</summary>
    public string? Missing { get; set; }
}

/// <summary>What happened, as those outside the gateway saw it: nothing here comes from the gateway's own records.</summary>
internal sealed class History
{
    public ConcurrentQueue<ClientRun> Runs { get; } = new();

    /// <summary>In the order in which the service wrote them down.</summary>
    public List<StepEvent> Steps { get; } = [];

    /// <summary>Every request that came to the service, also those that it did not answer.</summary>
    public List<Sending> Sendings { get; } = [];
}
