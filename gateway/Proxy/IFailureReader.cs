using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>Reads what a service says about a failure. The text is masked and bounded.</summary>
internal interface IFailureReader
{
    /// <param name="contentType">The content type of the body.</param>
    /// <param name="encoding">The content encoding of the body.</param>
    /// <param name="body">The body, or its beginning.</param>
    /// <param name="isWhole">Whether it is the whole body.</param>
    FailureText Read(string? contentType, string? encoding, ReadOnlyMemory<byte> body, bool isWhole);
}
