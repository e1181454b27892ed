namespace DurableGateway.Runs;

/// <summary>One header line. Order and duplicates are kept.</summary>
internal readonly record struct HeaderLine(string Name, string Value);
