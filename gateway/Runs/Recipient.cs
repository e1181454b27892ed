namespace DurableGateway.Runs;

/// <param name="Name">The waiting step: <c>&lt;run&gt; &lt;step&gt;</c>.</param>
/// <param name="AnyKey">Whether it waits for the type with any key.</param>
internal readonly record struct Recipient(string Name, bool AnyKey);
