using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>A payload from outside. An empty payload becomes the default of the type.</summary>
internal sealed class PayloadContent<T>(StepContent<T> content) : StepContent<T?>
{
    public override string ContentType => content.ContentType;

    public override Task<(byte[] Body, T? Result)> WriteAsync(T? result) => Task.FromResult<(byte[], T?)>(([], result));

    public override T? Read(byte[] body) => body.Length == 0 && content is JsonContent<T> ? default : content.Read(body);
}
