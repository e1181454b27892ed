namespace DurableGateway.Runs;

internal enum ParkVerdict
{
    /// <summary>The run is parked, or ended as asked.</summary>
    Done,

    /// <summary>No step is pending, so the run cannot be suspended.</summary>
    Nothing,

    /// <summary>The number of failures is not the one that the caller assumed.</summary>
    Recount,

    /// <summary>The attempt no longer owns the run.</summary>
    Lost,
}
