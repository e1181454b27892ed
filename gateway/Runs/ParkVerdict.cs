namespace DurableGateway.Runs;

internal enum ParkVerdict
{
    /// <summary>The run is parked, or ended as asked.</summary>
    Done,

    /// <summary>Nothing is pending, so it cannot be suspended.</summary>
    Nothing,

    /// <summary>The failures are not what the caller reckoned with.</summary>
    Recount,

    /// <summary>The attempt no longer owns the run.</summary>
    Lost,
}
