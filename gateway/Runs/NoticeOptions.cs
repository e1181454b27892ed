namespace DurableGateway.Runs;

/// <summary>The notices that the store records.</summary>
/// <param name="Failed">Whether runs that failed permanently cause notices.</param>
/// <param name="StuckAfter">The time after which a run that only fails is stuck; <see langword="null"/> for no such notices.</param>
/// <param name="Mismatch">Whether runs whose steps do not fit the handler cause notices.</param>
internal sealed record NoticeOptions(bool Failed, TimeSpan? StuckAfter, bool Mismatch)
{
    public static NoticeOptions None { get; } = new(false, null, false);
}
