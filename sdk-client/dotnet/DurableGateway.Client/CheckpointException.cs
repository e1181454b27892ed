using System;

namespace DurableGateway.Client;

/// <summary>An outcome could not be stored, or a stored one not be read. The attempt is over; the gateway starts another.</summary>
public sealed class CheckpointException : Exception
{
    internal CheckpointException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }

    /// <summary>What a client may know of it.</summary>
    internal string? ClientMessage { get; init; }
}
