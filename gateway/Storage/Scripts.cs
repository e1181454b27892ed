namespace DurableGateway.Storage;

/// <summary>The scripts of the store. Each is a file in <c>Scripts</c>.</summary>
internal static class Scripts
{
    // The lifecycle of a run.
    public static Script Create { get; } = Load("create");
    public static Script CreateWithStep { get; } = Load("create-with-step");
    public static Script Claim { get; } = Load("claim");
    public static Script Renew { get; } = Load("renew");
    public static Script Suspend { get; } = Load("suspend");
    public static Script Fail { get; } = Load("fail");
    public static Script End { get; } = Load("end");
    public static Script Cancel { get; } = Load("cancel");
    public static Script Revise { get; } = Load("revise");
    public static Script OperatorAction { get; } = Load("operator-action");

    // Reports of attempts.
    public static Script Step { get; } = Load("step");
    public static Script Sleep { get; } = Load("sleep");
    public static Script WaitForDelivery { get; } = Load("wait-for-delivery");
    public static Script DeliverToStep { get; } = Load("deliver-to-step");
    public static Script AppendToStream { get; } = Load("append-to-stream");
    public static Script SetBuild { get; } = Load("set-build");
    public static Script RecordMismatch { get; } = Load("record-mismatch");
    public static Script StopInlining { get; } = Load("stop-inlining");

    // The due queue and its outbox.
    public static Script ListDue { get; } = Load("list-due");
    public static Script TakeOutboxEntry { get; } = Load("take-outbox-entry");

    // Events.
    public static Script Subscribe { get; } = Load("subscribe");
    public static Script Publish { get; } = Load("publish");
    public static Script RecordDeliveries { get; } = Load("record-deliveries");

    // Limits.
    public static Script AcquirePlace { get; } = Load("acquire-place");
    public static Script RenewPlace { get; } = Load("renew-place");
    public static Script ReleasePlace { get; } = Load("release-place");
    public static Script WakeQueued { get; } = Load("wake-queued");
    public static Script PostponeQueued { get; } = Load("postpone-queued");
    public static Script ReserveStart { get; } = Load("reserve-start");

    // Operators.
    public static Script BulkBegin { get; } = Load("bulk-begin");
    public static Script BulkAdvance { get; } = Load("bulk-advance");
    public static Script BulkStop { get; } = Load("bulk-stop");
    public static Script ReadHistory { get; } = Load("read-history");
    public static Script UpdateIndex { get; } = Load("update-index");
    public static Script AddCounts { get; } = Load("add-counts");

    // The store itself.
    public static Script ServerTime { get; } = Load("server-time");
    public static Script CheckRights { get; } = Load("check-rights");

    /// <summary>The source of a file, by its name without the extension; <see langword="null"/> if it does not exist.</summary>
    public static string? Read(string name)
    {
        using var stream = typeof(Scripts).Assembly.GetManifestResourceStream(name + ".lua");
        if (stream is null) return null;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static Script Load(string name) => ScriptSource.Load(name, Read);
}
