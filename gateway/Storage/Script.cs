namespace DurableGateway.Storage;

/// <summary>The transitions, each one Lua file beside this one.</summary>
internal static class Script
{
    public static string Time { get; } = Load("time");
    public static string Rights { get; } = Load("rights");
    public static string Create { get; } = Load("create");
    public static string Due { get; } = Load("due");
    public static string Claim { get; } = Load("claim");
    public static string Renew { get; } = Load("renew");
    public static string Step { get; } = Load("step");
    public static string Wait { get; } = Load("wait");
    public static string Await { get; } = Load("await");
    public static string Deliver { get; } = Load("deliver");
    public static string Listen { get; } = Load("listen");
    public static string Publish { get; } = Load("publish");
    public static string Delivered { get; } = Load("delivered");
    public static string Defer { get; } = Load("defer");
    public static string Enter { get; } = Load("enter");
    public static string Leave { get; } = Load("leave");
    public static string Keep { get; } = Load("keep");
    public static string Wake { get; } = Load("wake");
    public static string Postpone { get; } = Load("postpone");
    public static string Rate { get; } = Load("rate");
    public static string Build { get; } = Load("build");
    public static string Mismatch { get; } = Load("mismatch");
    public static string Append { get; } = Load("append");
    public static string Suspend { get; } = Load("suspend");
    public static string Fail { get; } = Load("fail");
    public static string StopInlining { get; } = Load("stop-inlining");
    public static string End { get; } = Load("end");
    public static string Act { get; } = Load("act");
    public static string Revise { get; } = Load("revise");
    public static string Cancel { get; } = Load("cancel");
    public static string Count { get; } = Load("count");
    public static string SetBegin { get; } = Load("set-begin");
    public static string SetAdvance { get; } = Load("set-advance");
    public static string SetStop { get; } = Load("set-stop");

    private const string HistoryName = "history";
    private const string GateName = "gate";
    private const string IndexName = "index";
    private const string NoticeName = "notice";
    private const string IdempotencyName = "idempotency";

    private static string Load(string name)
    {
        using var stream = typeof(Script).Assembly.GetManifestResourceStream(name + ".lua")
            ?? throw new InvalidOperationException($"The script '{name}.lua' is not part of this build.");
        using var reader = new StreamReader(stream);
        var script = reader.ReadToEnd();
        if (name is HistoryName or IndexName or GateName or NoticeName or IdempotencyName) return script;
        if (script.Contains("release(", StringComparison.Ordinal) || script.Contains("reclaim(", StringComparison.Ordinal)) script = Load(IdempotencyName) + script;
        return script.Contains("tell(", StringComparison.Ordinal) || script.Contains("falter(", StringComparison.Ordinal) ? Load(NoticeName) + Load(IndexName) + Load(HistoryName) + script
            : script.Contains("note(", StringComparison.Ordinal) ? Load(IndexName) + Load(HistoryName) + script
            : script.Contains("hold(", StringComparison.Ordinal) ? Load(GateName) + script
            : script;
    }
}
