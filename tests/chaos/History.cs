using System.Collections.Concurrent;

namespace DurableGateway.Chaos;

/// <summary>A step that the service has started to execute, or whose checkpoint was answered <c>201</c>.</summary>
internal readonly record struct StepEvent(string Run, string Step, int Attempt, bool Done);

/// <summary>A request that reached the service. <c>At</c> is a timestamp of the machine's clock, which all processes share.</summary>
internal readonly record struct Sending(string Run, int Attempt, string Method, long At);

/// <summary>A call of the service that reached the downstream, and was carried out or recognized by its key.</summary>
internal readonly record struct CallEvent(string Run, string Kind, int Attempt, string Key, string Receipt, long At, bool IsCarriedOut);

/// <summary>A response of a run that a client got: while it waited, or at the result URL.</summary>
internal readonly record struct Answer(int Status, string Body);

/// <summary>What one client knows about one run.</summary>
internal sealed class ClientRun(string request)
{
    /// <summary>The content of the request. Every correct answer starts with it.</summary>
    public string Request { get; } = request;

    public string? Run { get; set; }

    /// <summary>The result URL, from a redirect or from a header of the response.</summary>
    public string? ResultUrl { get; set; }

    /// <summary>Whether the client was redirected to the result, so that the result must exist.</summary>
    public bool Promised { get; set; }

    /// <summary>Whether the event that the run waits for was answered <c>202</c>.</summary>
    public bool EventTaken { get; set; }

    /// <summary>The complete answers that the client got, in order.</summary>
    public List<Answer> Answers { get; } = [];

    /// <summary>The last answer of the result URL, if it was not the result.</summary>
    public string? Missing { get; set; }
}

/// <summary>What happened as seen from outside the gateway. Nothing here comes from the gateway's records.</summary>
internal sealed class History
{
    public ConcurrentQueue<ClientRun> Runs { get; } = new();

    /// <summary>In the order in which the service recorded them.</summary>
    public List<StepEvent> Steps { get; } = [];

    /// <summary>Every request that reached the service, including those that it did not answer.</summary>
    public List<Sending> Sendings { get; } = [];

    /// <summary>Every call that reached the downstream, in order.</summary>
    public List<CallEvent> Calls { get; } = [];

    /// <summary>When gateways went on after a SIGSTOP.</summary>
    public ConcurrentQueue<long> Continuations { get; } = new();
}
